// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Tokenization;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Training.Tests.Tokenization;

public sealed class ByteLevelBpeTests
{
    private static readonly Lazy<ByteLevelBpe> Trained = new(() =>
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "tokenizer.json");
        BpeTrainer.Train("the cat sat on the mat and the dog sat on the cat; the end, the end", 300, path);
        return ByteLevelBpe.Read(path);
    });

    [Fact]
    public void EncodeDecode_AnyText_RoundTrips()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<NonNull<string>>(), text =>
        {
            string valid = string.Concat(text.Get.EnumerateRunes().Select(rune => rune.ToString()));
            return Trained.Value.Decode(Trained.Value.Encode(valid)) == valid;
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("𐌰𝐀😀 👩‍⚕️ 漢字 ١٢ é ß")]
    [InlineData("  two  spaces\n\n\ttab 's 'll 123abc")]
    public void EncodeDecode_ManyScripts_RoundTrips(string text)
    {
        Assert.Equal(text, Trained.Value.Decode(Trained.Value.Encode(text)));
    }

    [Fact]
    public void Encode_FrequentWord_IsOneToken()
    {
        Assert.Single(Trained.Value.Encode(" the"));
    }

    [Fact]
    public void Encode_AddedToken_IsNotSplit()
    {
        List<int> ids = Trained.Value.Encode("the" + BpeTrainer.EndOfText + "cat");

        Assert.Contains(Trained.Value.AddedToken(BpeTrainer.EndOfText)!.Value, ids);
    }
}
