// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers;

namespace FedCloud.Training.Tokenization;

/// <summary>Finds added tokens in text: the leftmost, and of those that begin there the longest.</summary>
internal sealed class AddedTokenSearch
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly SearchValues<string> _texts;
    private readonly int[] _lengths;

    /// <summary>Prepares a search.</summary>
    /// <param name="ids">Text and id of each token.</param>
    public AddedTokenSearch(Dictionary<string, int> ids)
    {
        _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _texts = SearchValues.Create([.. ids.Keys], StringComparison.Ordinal);
        _lengths = [.. ids.Keys.Select(text => text.Length).Distinct().OrderDescending()];
    }

    /// <summary>Finds the first token.</summary>
    /// <param name="text">The text.</param>
    /// <param name="length">The token's length in the text.</param>
    /// <param name="id">The token's id.</param>
    /// <returns>Where it begins; -1 when there is none.</returns>
    public int Find(ReadOnlySpan<char> text, out int length, out int id)
    {
        int start = text.IndexOfAny(_texts);
        if (start >= 0)
        {
            ReadOnlySpan<char> rest = text[start..];
            foreach (int candidate in _lengths)
            {
                if (candidate <= rest.Length && _ids.TryGetValue(rest[..candidate], out id))
                {
                    length = candidate;
                    return start;
                }
            }
        }

        (length, id) = (0, 0);
        return -1;
    }
}
