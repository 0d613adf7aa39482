// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Training.Tokenization;

/// <summary>The model in <c>tokenizer.json</c>: tokens and merges.</summary>
internal sealed record TokenizerModel
{
    /// <summary>The model's tokens.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>The pairs that are merged, most important first.</summary>
    public required ImmutableArray<(string Left, string Right)> Merges { get; init; }

    /// <summary>Whether a word that the vocabulary holds is one token without any merge.</summary>
    public required bool IgnoresMerges { get; init; }

    /// <summary>Whether a letter that the vocabulary lacks is written with the tokens <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>. With all of them, <c>unk_token</c> and <c>fuse_unk</c> have no effect.</summary>
    public required bool FallsBackToBytes { get; init; }

    /// <summary>Reads the member <c>model</c>.</summary>
    public static TokenizerModel Read(TokenizerJson model)
    {
        if (!model.Is("BPE"))
        {
            throw model.Member("type").Expected("BPE");
        }

        model.RequireOnly("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges");
        foreach (string option in (string[])["dropout", "continuing_subword_prefix", "end_of_word_suffix"])
        {
            model.Member(option).RequireOff();
        }

        return new TokenizerModel
        {
            Vocabulary = ReadVocabulary(model.Member("vocab")),
            Merges = [.. model.Member("merges").Items.Select(ReadMerge)],
            IgnoresMerges = model.IsOn("ignore_merges"),
            FallsBackToBytes = model.IsOn("byte_fallback"),
        };
    }

    /// <summary>Rank and result of each pair, by ids.</summary>
    public Dictionary<(int Left, int Right), (int Rank, int Merged)> RankedMerges()
    {
        Dictionary<(int Left, int Right), (int Rank, int Merged)> merges = new(Merges.Length);
        for (int rank = 0; rank < Merges.Length; rank++)
        {
            (string left, string right) = Merges[rank];
            if (!Vocabulary.TryGetValue(left, out int l) || !Vocabulary.TryGetValue(right, out int r) || !Vocabulary.TryGetValue(left + right, out int merged))
            {
                throw TokenizerJson.Refused($"model.merges[{rank}] names a token that the vocabulary lacks");
            }

            merges[(l, r)] = (rank, merged);
        }

        return merges;
    }

    private static Dictionary<string, int> ReadVocabulary(TokenizerJson vocab)
    {
        Dictionary<string, int> vocabulary = new(StringComparer.Ordinal);
        HashSet<int> ids = [];
        foreach ((string token, TokenizerJson value) in vocab.Members)
        {
            if (!ids.Add(value.Id) || !vocabulary.TryAdd(token, value.Id))
            {
                throw TokenizerJson.Refused($"model.vocab has the id {value.Id} or its token twice");
            }
        }

        return vocabulary;
    }

    private static (string Left, string Right) ReadMerge(TokenizerJson merge)
    {
        string[] parts = merge.IsText ? merge.Text.Split(' ') : [.. merge.Items.Select(part => part.Text)];
        return parts.Length == 2 ? (parts[0], parts[1]) : throw TokenizerJson.Refused($"model.merges has a pair of {parts.Length} parts");
    }
}
