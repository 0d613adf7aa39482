// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Privacy;

namespace FedCloud.Training.Jobs;

/// <summary>The member <c>ring</c> of <c>job.json</c>: every record rounded to the ring by itself, for noise that is added after training (secure-aggregation, section 8.1). docs/job-format.md is its text.</summary>
public sealed record JobRing
{
    // What samplers and grid take too.
    private const double Most = 1e15;

    /// <summary>C', the most that a record's gradient measures.</summary>
    public required double ExampleClip { get; init; }

    /// <summary><c>flat</c>, <c>per_layer</c> or <c>automatic</c>.</summary>
    public required string Clipping { get; init; }

    /// <summary>c, what C' is in ring units.</summary>
    public required double Clip { get; init; }

    /// <summary>What each coordinate of the sum is clamped to, in ring units: 2^(b-1) - 1.</summary>
    public required long Limit { get; init; }

    /// <summary>The most training examples.</summary>
    public required int MaxRecords { get; init; }

    // The first member out of its range; null when all are possible.
    internal string? Impossible()
    {
        (string Member, bool Possible)[] members =
        [
            ("example_clip", ExampleClip is > 0 and <= Most),
            ("clipping", Clipping is "flat" or "per_layer" or "automatic"),
            ("clip", Clip is > 0 and <= RoundedSum.MostUnits),
            ("limit", Limit is >= 1 and <= RoundedSum.MostUnits),
            ("max_records", MaxRecords >= 1),
        ];
        return members.FirstOrDefault(member => !member.Possible).Member is { } name ? "ring." + name : null;
    }
}
