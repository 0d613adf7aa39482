// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Cli.Privacy;

/// <summary>What is asked about a mechanism. Numbers are as typed: the accountants check their bounds.</summary>
internal sealed record PrivacyQuestion
{
    public required NoiseMechanism Mechanism { get; init; }

    /// <summary>How often the mechanism runs, at most.</summary>
    public required long Steps { get; init; }

    public required double Delta { get; init; }

    /// <summary>The probability of each record to enter a step.</summary>
    public double? SamplingRate { get; init; }

    /// <summary>The L2 bound of one contribution before rounding, grid units.</summary>
    public double? L2 { get; init; }

    /// <summary>The number of coordinates of one contribution.</summary>
    public long? Coordinates { get; init; }

    /// <summary>The honest noise shares that count.</summary>
    public int? Shares { get; init; }

    /// <summary>A mixture as typed, MEAN:WEIGHT with commas between; means in units of the sensitivity.</summary>
    public string? Components { get; init; }

    /// <summary>The number of records.</summary>
    public int? Records { get; init; }

    /// <summary>The largest batch: records beyond it are dropped.</summary>
    public int? LargestBatch { get; init; }

    /// <summary>Refuses options that do not fit the mechanism.</summary>
    /// <returns>The question itself.</returns>
    public PrivacyQuestion Checked()
    {
        (string Option, bool Given)[] options =
        [
            ("--sampling-rate", SamplingRate is not null),
            ("--l2", L2 is not null),
            ("--coordinates", Coordinates is not null),
            ("--shares", Shares is not null),
            ("--components", Components is not null),
            ("--records", Records is not null),
            ("--largest-batch", LargestBatch is not null),
        ];
        ImmutableArray<string> given = [.. options.Where(option => option.Given).Select(option => option.Option)];
        Mechanism.Require(given);
        return this;
    }
}
