// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Tokenization;

/// <summary>The tokenizer beside the reference, on frozen vectors.</summary>
public sealed class ReferenceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    public static TheoryData<string> Forms { get; } = ["gpt2", "llama3", "nfc", "fallback", "qwen", "tekken", "llama2", "llama2-normalized", "mistral", "metaspace-always", "metaspace-never", "gemma"];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Encode_VectorTexts_GivesTheReferencesTokens(string form)
    {
        Tokenizer tokenizer = Vectors.Read(form);
        int[][] expected = Vectors.Tokens(form);

        Assert.Equal(Vectors.Texts.Count, expected.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            List<int> found = tokenizer.Encode(Vectors.Texts[i]);
            Assert.True(expected[i].SequenceEqual(found), $"text {i}: expected {string.Join(' ', expected[i])}, found {string.Join(' ', found)}");
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Start_WholeText_IsWhatTheReferenceAdds(string form) => Assert.Equal(Vectors.Start(form), Vectors.Read(form).Start);

    [Theory]
    [MemberData(nameof(Forms))]
    public void Decode_VectorTokens_GivesTheReferencesTexts(string form)
    {
        Tokenizer tokenizer = Vectors.Read(form);

        Assert.All(Vectors.Decoded(form), entry =>
        {
            Assert.Equal(entry.All, tokenizer.Decode(entry.Ids));
            Assert.Equal(entry.Plain, tokenizer.Decode(entry.Ids, skipSpecial: true));
        });

        // A special token that is normalized loses that, as its normalized text is another.
        Assert.Equal(form != "llama2-normalized", Vectors.Decoded(form).Any(entry => entry.All != entry.Plain));
        Assert.Contains(Vectors.Decoded(form), entry => entry.Ids.Any(id => id >= tokenizer.Size));
    }

    [Fact]
    public void Encode_EveryCharacterAmongMarks_IsInTheReferencesFormC()
    {
        string file = Path.Combine(_folder, "tokenizer.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(Vectors.FileOf("gpt2")))!.AsObject();
        json["normalizer"] = JsonNode.Parse("""{"type":"NFC"}""");
        File.WriteAllText(file, json.ToJsonString());
        Tokenizer tokenizer = Tokenizer.Read(file);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        for (int point = 0; point < 0x30000; point++)
        {
            if (Rune.IsValid(point))
            {
                Rune rune = new(point);
                hash.AppendData(Encoding.UTF8.GetBytes(tokenizer.Decode(tokenizer.Encode($"{rune}\n\u1100{rune}\u0323\u0301\na\u0345{rune}\u0334\n"))));
            }
        }

        Assert.Equal(Vectors.Composed, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
