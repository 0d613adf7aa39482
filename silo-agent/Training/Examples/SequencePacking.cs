// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Training.Examples;

/// <summary>Plans which examples share a sequence: the longest first, each into the first sequence that has room (Johnson 1973, first fit decreasing: at most 11/9 of the fewest sequences, and one).</summary>
/// <remarks>
/// A plan only: whoever computes with it has to keep examples from attending to each other. It is not for private training,
/// where a record is a unit of its own and its gradient is clipped by itself.
/// </remarks>
public static class SequencePacking
{
    /// <summary>Packs examples. The same lengths, limit and seed give the same plan everywhere.</summary>
    /// <param name="lengths">The length of each example in tokens, from 1 to the limit.</param>
    /// <param name="longest">The limit of a sequence in tokens.</param>
    /// <param name="seed">Decides which of equally long examples comes first, and the order of the sequences.</param>
    /// <returns>The examples of each sequence, by index.</returns>
    public static IReadOnlyList<IReadOnlyList<int>> Plan(IReadOnlyList<int> lengths, int longest, long seed)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        ArgumentOutOfRangeException.ThrowIfLessThan(longest, 1);
        if (lengths.Any(length => length < 1 || length > longest))
        {
            throw new ArgumentOutOfRangeException(nameof(lengths), $"expected lengths from 1 to {longest}");
        }

        if (lengths.Count == 0)
        {
            return [];
        }

        ExampleOrder order = new(lengths.Count, seed, round: 0);
        List<List<int>> sequences = [];
        Room room = new(lengths.Count, longest);
        foreach (int example in Enumerable.Range(0, lengths.Count).Select(i => order[i]).OrderByDescending(i => lengths[i]))
        {
            int sequence = room.Take(lengths[example]);
            if (sequence == sequences.Count)
            {
                sequences.Add([]);
            }

            sequences[sequence].Add(example);
        }

        ExampleOrder shuffled = new(sequences.Count, seed, round: 1);
        return [.. Enumerable.Range(0, sequences.Count).Select(i => sequences[shuffled[i]])];
    }

    /// <summary>The room left in each sequence, as a tree of maxima, so that the first that fits is found in log n.</summary>
    private sealed class Room
    {
        private readonly int _leaves;
        private readonly int[] _most;

        public Room(int count, int longest)
        {
            _leaves = (int)BitOperations.RoundUpToPowerOf2((uint)count);
            _most = new int[2 * _leaves];
            Array.Fill(_most, longest);
        }

        /// <summary>Takes room in the first sequence that has it.</summary>
        public int Take(int length)
        {
            int at = 1;
            while (at < _leaves)
            {
                at = _most[2 * at] >= length ? 2 * at : (2 * at) + 1;
            }

            _most[at] -= length;
            int leaf = at - _leaves;
            for (at /= 2; at >= 1; at /= 2)
            {
                _most[at] = Math.Max(_most[2 * at], _most[(2 * at) + 1]);
            }

            return leaf;
        }
    }
}
