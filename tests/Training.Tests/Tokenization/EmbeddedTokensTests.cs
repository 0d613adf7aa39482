// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Tokenization;

public sealed class EmbeddedTokensTests
{
    [Theory]
    [InlineData("gpt2", 519)]
    [InlineData("gpt2", 520)]
    [InlineData("gpt2", 50_000)]
    public void Require_RowsForTheVocabulary_IsEnough(string form, int rows) => EmbeddedTokens.Require(Vectors.Read(form), rows);

    [Fact]
    public void Require_FewerRowsThanTheVocabulary_IsRefused()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => EmbeddedTokens.Require(Vectors.Read("gpt2"), 518));

        Assert.Equal("vocabulary_mismatch", error.Code.Name);
        Assert.Contains("518 rows", error.Message, StringComparison.Ordinal);
        Assert.Contains("the id 518", error.Message, StringComparison.Ordinal);
    }
}
