// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Tokenization;

/// <summary>What <c>tokenizer.json</c> says, as far as it is implemented; everything else is refused by name.</summary>
/// <remarks>Held to Hugging Face's tokenizers 0.23. Truncation and padding are not read: a job says how long its sequences are.</remarks>
internal sealed record TokenizerFile
{
    /// <summary>Tokens and merges.</summary>
    public required TokenizerModel Model { get; init; }

    /// <summary>How text is written in the tokens' letters.</summary>
    public required ITokenAlphabet Alphabet { get; init; }

    /// <summary>The tokens beside the model's.</summary>
    public required ImmutableArray<AddedToken> Added { get; init; }

    /// <summary>The tokens that begin a whole text.</summary>
    public required ImmutableArray<int> Start { get; init; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>tokenizer_unsupported</c>.</exception>
    public static TokenizerFile Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return Parse(new TokenizerJson(document.RootElement, string.Empty));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.BaseModelMissing, $"expected tokenizer.json in the base model's folder, found {(File.Exists(path) ? "one that cannot be read" : "none")}", cause: error);
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.TokenizerUnsupported, "tokenizer.json is not JSON", cause: error);
        }
        catch (InvalidOperationException error)
        {
            // The one thing that a checked element still refuses: an escaped surrogate without its partner.
            throw new FedCloudException(ErrorCodes.TokenizerUnsupported, "tokenizer.json holds a text that is not Unicode", cause: error);
        }
    }

    private static TokenizerFile Parse(TokenizerJson file)
    {
        file.RequireOnly("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model");
        if (!file.Member("version").IsNull)
        {
            file.Require("version", "1.0");
        }

        TokenizerModel model = TokenizerModel.Read(file.Member("model"));
        return new TokenizerFile
        {
            Model = model,
            Added = ReadAdded(file.Member("added_tokens"), model.Vocabulary),
            Alphabet = ReadAlphabet(file, model),
            Start = StartTokens.Read(file.Member("post_processor")),
        };
    }

    // The decoder tells the two apart.
    private static ITokenAlphabet ReadAlphabet(TokenizerJson file, TokenizerModel model)
    {
        TokenizerJson decoder = file.Member("decoder");
        if (!decoder.IsNull && decoder.Is("ByteLevel"))
        {
            ByteLevelForm form = ByteLevelForm.Read(file);
            return new ByteLevelAlphabet(model, form.FirstWord, form.Composes);
        }

        if (decoder.IsNull || !decoder.Is("Sequence"))
        {
            throw decoder.Expected("the type ByteLevel or Sequence");
        }

        if (model.IgnoresMerges)
        {
            throw file.Member("model").Member("ignore_merges").Expected("it switched off where letters are characters");
        }

        return new SentencePieceAlphabet(model, SentencePieceForm.Read(file));
    }

    private static ImmutableArray<AddedToken> ReadAdded(TokenizerJson tokens, Dictionary<string, int> vocabulary)
    {
        List<AddedToken> added = [];
        HashSet<string> texts = new(StringComparer.Ordinal);
        int next = vocabulary.Count;
        foreach (TokenizerJson token in tokens.IsNull ? [] : tokens.Items)
        {
            AddedToken read = ReadAdded(token);

            // The reference numbers added tokens by their order, whatever the file says; a file that says something else is ambiguous.
            int expected = vocabulary.TryGetValue(read.Text, out int known) ? known : next;
            if (read.Id != expected)
            {
                throw token.Member("id").Expected($"{expected} from its place in the order");
            }

            if (!texts.Add(read.Text))
            {
                throw TokenizerJson.Refused($"added_tokens has the token with the id {read.Id} twice");
            }

            next = Math.Max(next, read.Id + 1);
            added.Add(read);
        }

        return [.. added];
    }

    private static AddedToken ReadAdded(TokenizerJson token)
    {
        token.RequireOnly("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
        foreach (string option in (string[])["single_word", "lstrip", "rstrip"])
        {
            token.Member(option).RequireOff();
        }

        string text = token.Member("content").Text;
        return text.Length > 0
            ? new AddedToken(text, token.Member("id").Id, token.Member("normalized").Flag, token.Member("special").Flag)
            : throw token.Member("content").Expected("a text");
    }
}
