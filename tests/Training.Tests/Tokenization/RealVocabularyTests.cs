// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Tokenization;

/// <summary>The tokenizer beside the reference on real vocabularies, which are too large and not ours to keep here; vectors/README.md says how to get them.</summary>
public sealed class RealVocabularyTests
{
    [RealVocabularyFact]
    public void Encode_RealVocabularies_GivesTheReferencesTokens()
    {
        string[] folders = Directory.GetDirectories(RealVocabularyFactAttribute.Folder!);

        Assert.NotEmpty(folders);
        Assert.All(folders, Compare);
    }

    private static void Compare(string folder)
    {
        Tokenizer tokenizer = Tokenizer.Read(Path.Combine(folder, "tokenizer.json"));
        JsonElement cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "cases.json"))).RootElement;
        string[] texts = [.. cases.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)];
        string[] decoded = [.. cases.GetProperty("decoded").EnumerateArray().Select(text => text.GetString()!)];
        int[][] expected = [.. cases.GetProperty("tokens").EnumerateArray().Select(Integers)];

        Assert.Equal(texts.Length, expected.Length);
        Assert.Equal(Integers(cases.GetProperty("start")), tokenizer.Start);
        for (int i = 0; i < texts.Length; i++)
        {
            List<int> found = tokenizer.Encode(texts[i]);
            Assert.True(expected[i].SequenceEqual(found), $"{folder}, text {i}: expected {string.Join(' ', expected[i])}, found {string.Join(' ', found)}");
            Assert.Equal(decoded[i], tokenizer.Decode(found));
        }
    }

    private static int[] Integers(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetInt32())];
}

/// <summary>A test that runs where FEDCLOUD_TOKENIZERS names a folder made by vectors/make-real-vectors.mjs.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RealVocabularyFactAttribute : FactAttribute
{
    public RealVocabularyFactAttribute() => Skip = Folder is null ? "FEDCLOUD_TOKENIZERS names no folder with real tokenizers" : null;

    public static string? Folder { get; } = Environment.GetEnvironmentVariable("FEDCLOUD_TOKENIZERS");
}
