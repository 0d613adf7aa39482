// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Privacy;

/// <summary>The factors that clip the gradients of a micro-batch's units, a group of coordinates each.</summary>
internal sealed unsafe class ClipFactors
{
    private readonly int _coordinates;
    private readonly GradientPiece[] _groups;
    private readonly double[] _factors; // (units, groups)
    private readonly ClippingRule _rule;
    private readonly int _threads;

    /// <summary>Prepares a job.</summary>
    /// <param name="mode">How units are clipped.</param>
    /// <param name="clipNorm">C.</param>
    /// <param name="moduleLengths">The coordinates of each adapted module.</param>
    /// <param name="together">The most units of a micro-batch.</param>
    /// <param name="threads">The most threads; the factors do not depend on it.</param>
    public ClipFactors(ClippingMode mode, double clipNorm, IReadOnlyList<int> moduleLengths, int together, int threads)
    {
        _coordinates = moduleLengths.Sum();
        _threads = threads;
        _groups = Pinned(Groups(mode == ClippingMode.PerLayer ? moduleLengths : [_coordinates]));
        _rule = new ClippingRule(mode, clipNorm, _coordinates, _groups.Length);
        _factors = Pinned(new double[together * _groups.Length]);
    }

    /// <summary>How many groups are clipped apart.</summary>
    public int Count => _groups.Length;

    /// <summary>All coordinates in pieces of at most this length, none of them in two groups.</summary>
    public GradientPiece[] Pieces(int length) => Pinned(_groups.SelectMany(group => Cut(group, length)));

    /// <summary>The factors of units, (count, groups), pinned and valid until the next call; all of a unit are 0 if one of its groups is not finite, and above 0 otherwise.</summary>
    /// <param name="gradients">(count, d), one unit a row.</param>
    /// <param name="count">How many.</param>
    public Span<double> Of(float* gradients, int count)
    {
        Span<double> factors = _factors.AsSpan(0, count * _groups.Length);
        fixed (GradientPiece* groups = _groups)
        fixed (double* f = factors)
        {
            Workers.Rows(count, _threads, new ClipRows(gradients, _coordinates, groups, _groups.Length, _rule, f));
        }

        return factors;
    }

    /// <summary>A copy that the garbage collector does not move.</summary>
    internal static T[] Pinned<T>(IEnumerable<T> values)
        where T : unmanaged
    {
        T[] from = [.. values];
        T[] pinned = GC.AllocateUninitializedArray<T>(from.Length, pinned: true);
        from.CopyTo(pinned, 0);
        return pinned;
    }

    private static IEnumerable<GradientPiece> Groups(IReadOnlyList<int> lengths)
    {
        int start = 0;
        for (int group = 0; group < lengths.Count; group++)
        {
            yield return new GradientPiece(start, lengths[group], group);
            start += lengths[group];
        }
    }

    private static IEnumerable<GradientPiece> Cut(GradientPiece group, int length)
    {
        for (int start = 0; start < group.Length; start += length)
        {
            yield return new GradientPiece(group.Start + start, Math.Min(length, group.Length - start), group.Group);
        }
    }

    /// <summary>The factors of one unit.</summary>
    private readonly struct ClipRows(float* gradients, long d, GradientPiece* groups, int count, ClippingRule rule, double* factors) : IRowJob
    {
        public void Row(int i)
        {
            Span<double> own = new(factors + ((long)i * count), count);
            for (int group = 0; group < count; group++)
            {
                own[group] = rule.Factor(new ReadOnlySpan<float>(gradients + (i * d) + groups[group].Start, groups[group].Length));
            }

            if (own.Contains(0))
            {
                own.Clear();
            }
        }
    }
}
