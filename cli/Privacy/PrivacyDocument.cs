// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;

namespace FedCloud.Cli.Privacy;

/// <summary>An answer as <c>--json</c> prints it. Every member is there; null where it was not given or does not apply.</summary>
internal sealed record PrivacyDocument
{
    public required string Mechanism { get; init; }

    public double? TargetEpsilon { get; init; }

    public required double NoiseMultiplier { get; init; }

    public double? SamplingRate { get; init; }

    public required long Steps { get; init; }

    public required double Delta { get; init; }

    public double? L2 { get; init; }

    public long? Coordinates { get; init; }

    public int? Shares { get; init; }

    public string? Components { get; init; }

    public int? Records { get; init; }

    public int? LargestBatch { get; init; }

    public required string AccountantVersion { get; init; }

    public required double Epsilon { get; init; }

    public double? EpsilonLower { get; init; }

    public double? EpsilonRdp { get; init; }

    public double? RdpOrder { get; init; }

    public decimal? EpsilonLedger { get; init; }

    public double? RoundedL2 { get; init; }

    public double? ShareStddev { get; init; }

    /// <summary>The document of an answer.</summary>
    public static PrivacyDocument Of(PrivacyQuestion question, PrivacyFigures figures, double? target, string version) => new()
    {
        Mechanism = question.Mechanism.Name,
        TargetEpsilon = target,
        NoiseMultiplier = figures.Noise,
        SamplingRate = question.SamplingRate,
        Steps = question.Steps,
        Delta = question.Delta,
        L2 = question.L2,
        Coordinates = question.Coordinates,
        Shares = question.Mechanism.Distributed ? question.Shares ?? 1 : null,
        Components = question.Components,
        Records = question.Records,
        LargestBatch = question.LargestBatch,
        AccountantVersion = version,
        Epsilon = figures.Epsilon,
        EpsilonLower = figures.Lower,
        EpsilonRdp = figures.Rdp?.Epsilon,
        RdpOrder = figures.Rdp?.Order,
        EpsilonLedger = figures.Ledger,
        RoundedL2 = figures.RoundedL2,
        ShareStddev = figures.ShareDeviation,
    };
}

/// <summary>JSON of the privacy commands.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(PrivacyDocument))]
internal sealed partial class PrivacyJson : JsonSerializerContext;
