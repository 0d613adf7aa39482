// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Adapters;

/// <summary>What an adapter is on each module: rank and scaling, and whether weights are decomposed. The fields are those of PEFT's <c>LoraConfig</c>.</summary>
/// <param name="Rank">The rank of modules that <see cref="RankPattern"/> does not name.</param>
/// <param name="Alpha">Alpha of modules that <see cref="AlphaPattern"/> does not name.</param>
public sealed record LoraForm(int Rank, double Alpha)
{
    /// <summary>Whether the product is scaled by alpha / √rank (rsLoRA, Kalajdzievski 2023) and not by alpha / rank (Hu et al. 2022).</summary>
    public bool IsRankStabilized { get; init; }

    /// <summary>Whether each row of the adapted weight has a length of its own that trains (DoRA, Liu et al. 2024).</summary>
    public bool IsDecomposed { get; init; }

    /// <summary>Ranks of some modules; the first key that matches counts (<see cref="ModulePattern.Key"/>).</summary>
    public ImmutableArray<KeyValuePair<string, int>> RankPattern { get; init; } = [];

    /// <summary>Alphas of some modules; the first key that matches counts.</summary>
    public ImmutableArray<KeyValuePair<string, double>> AlphaPattern { get; init; } = [];

    /// <summary>The largest rank of any module.</summary>
    public int LargestRank => RankPattern.Select(one => one.Value).Append(Rank).Max();

    /// <summary>The entries of a pattern of plans and jobs in the order in which they count: longer keys first, so that a full name comes before its last part.</summary>
    public static ImmutableArray<KeyValuePair<string, T>> LongestFirst<T>(IEnumerable<KeyValuePair<string, T>> pattern) =>
        [.. pattern.OrderByDescending(one => one.Key.Length).ThenBy(one => one.Key, StringComparer.Ordinal)];

    /// <summary>Whether a pattern of plans and jobs may have this key: the name of a module or its last parts, of a-z, 0-9 and underscore.</summary>
    public static bool IsPatternKey(string key) =>
        key is { Length: >= 1 and <= 128 } && key.Split('.').All(part => part.Length > 0 && part.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_'));

    /// <summary>The rank of a module.</summary>
    /// <param name="module">Its full name.</param>
    public int RankOf(string module) => Of(RankPattern, module, Rank);

    /// <summary>Alpha of a module.</summary>
    /// <param name="module">Its full name.</param>
    public double AlphaOf(string module) => Of(AlphaPattern, module, Alpha);

    /// <summary>What the product B·A of a module is multiplied by: its alpha over its rank, or over the root of its rank.</summary>
    /// <param name="module">Its full name.</param>
    public double ScalingOf(string module)
    {
        int rank = RankOf(module);
        return AlphaOf(module) / (IsRankStabilized ? Math.Sqrt(rank) : rank);
    }

    private static T Of<T>(ImmutableArray<KeyValuePair<string, T>> pattern, string module, T other)
    {
        string? key = ModulePattern.Key(pattern.Select(one => one.Key), module);
        return key is null ? other : pattern.First(one => string.Equals(one.Key, key, StringComparison.Ordinal)).Value;
    }
}
