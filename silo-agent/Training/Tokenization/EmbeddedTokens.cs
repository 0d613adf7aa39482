// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Tokenization;

/// <summary>Compares a tokenizer with the rows of a model's embedding.</summary>
public static class EmbeddedTokens
{
    /// <summary>Refuses a tokenizer whose own vocabulary has ids that the embedding has no row for.</summary>
    /// <remarks>More rows than tokens are fine: many models pad. Added tokens above the rows are fine too as long as no example holds one, which is checked with each: Gemma 3's text models have one for images.</remarks>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="rows">The embedding's rows.</param>
    /// <exception cref="FedCloudException"><c>vocabulary_mismatch</c>.</exception>
    public static void Require(Tokenizer tokenizer, int rows)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (tokenizer.WordSize > rows)
        {
            throw new FedCloudException(ErrorCodes.VocabularyMismatch, $"expected tokens below the {rows} rows of the model's embedding, found the id {tokenizer.WordSize - 1} in tokenizer.json");
        }
    }
}
