// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Jobs;

/// <summary>The member <c>privacy</c> of <c>job.json</c>: DP-SGD in the silo (privacy, section 2). docs/job-format.md is its text.</summary>
public sealed record JobPrivacy
{
    // What samplers and grid take too.
    private const double Most = 1e15;

    /// <summary>What is protected, enters a step and is clipped: <c>record</c> or <c>person</c>.</summary>
    public required string Unit { get; init; }

    /// <summary>q, the probability with which each unit enters a step.</summary>
    public required double SamplingRate { get; init; }

    /// <summary>What the noised sum is divided by.</summary>
    public required int ExpectedBatch { get; init; }

    /// <summary>z.</summary>
    public required double NoiseMultiplier { get; init; }

    /// <summary>C, the most that a unit's gradient measures.</summary>
    public required double ExampleClip { get; init; }

    /// <summary><c>flat</c>, <c>per_layer</c> or <c>automatic</c>.</summary>
    public required string Clipping { get; init; }

    /// <summary><c>exact</c> or <c>rounded</c>.</summary>
    public required string Noise { get; init; }

    /// <summary>Whether all examples of a person are one unit.</summary>
    internal bool IsPerPerson => Unit is "person";

    // The first member out of its range; null when all are possible.
    internal string? Impossible()
    {
        (string Member, bool Possible)[] members =
        [
            ("unit", Unit is "record" or "person"),
            ("sampling_rate", SamplingRate is > 0 and <= 1),
            ("expected_batch", ExpectedBatch >= 1),
            ("noise_multiplier", NoiseMultiplier is > 0 and <= Most),
            ("example_clip", ExampleClip is > 0 and <= Most),
            ("clipping", Clipping is "flat" or "per_layer" or "automatic"),
            ("noise", Noise is "exact" or "rounded"),
        ];
        return members.FirstOrDefault(member => !member.Possible).Member is { } name ? "privacy." + name : null;
    }
}
