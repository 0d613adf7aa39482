// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Training.Tokenization;

/// <summary>Reads the post-processor of <c>tokenizer.json</c>: the tokens that begin a whole text.</summary>
internal static class StartTokens
{
    /// <summary>Reads the part.</summary>
    public static ImmutableArray<int> Read(TokenizerJson processor)
    {
        if (processor.IsNull)
        {
            return [];
        }

        switch (processor.Type)
        {
            case "ByteLevel":
                return []; // about offsets into the text, which nothing here uses
            case "Sequence" when processor.Member("processors").Items.Count(part => !part.Is("ByteLevel")) <= 1:
                return [.. processor.Member("processors").Items.SelectMany(part => Read(part))];
            case "Sequence":
                throw processor.Member("processors").Expected("one TemplateProcessing at most"); // the reference takes the first one's tokens for a second text
            case "TemplateProcessing":
                return ReadTemplate(processor);
            default:
                throw processor.Member("type").Expected("ByteLevel, TemplateProcessing or a Sequence of them");
        }
    }

    private static ImmutableArray<int> ReadTemplate(TokenizerJson template)
    {
        TokenizerJson single = template.Member("single");
        List<TokenizerJson> pieces = [.. single.Items];
        bool onlyBefore = pieces.Count > 0
            && !pieces[^1].Member("Sequence").IsNull
            && string.Equals(pieces[^1].Member("Sequence").Member("id").Text, "A", StringComparison.Ordinal)
            && pieces.SkipLast(1).All(piece => !piece.Member("SpecialToken").IsNull);
        if (!onlyBefore)
        {
            throw single.Expected("tokens before the text and none after it");
        }

        return [.. pieces.SkipLast(1).SelectMany(piece => template.Member("special_tokens").Member(piece.Member("SpecialToken").Member("id").Text).Member("ids").Items).Select(id => id.Id)];
    }
}
