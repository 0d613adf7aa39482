// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Coordinator.Telemetry;

/// <summary>The range of the epsilon that a run reserves (privacy, P8), from its plan alone, which the log names: what a silo's ledger really holds follows from its own number of records, and stays there.</summary>
internal static class EpsilonRanges
{
    /// <summary>A plan that gives the noise of DP-SGD: each silo's epsilon follows from its own number of records.</summary>
    public const string InSilos = "in_silos";

    private static readonly (decimal Most, string Range)[] Ranges = [(1, "<=1"), (2, "1-2"), (4, "2-4"), (8, "4-8")];

    /// <summary>The range; null without a privacy claim, or with one that nobody can account for.</summary>
    public static string? Of(RunConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return config.Privacy switch
        {
            { IsClaimed: false } => null,
            { Epsilon: { } planned } => Of(planned),
            { IsOnRing: true } => OnRing(config),
            _ => InSilos,
        };
    }

    private static string? OnRing(RunConfig config)
    {
        try
        {
            return Of(ClaimAccount.Of(config, config.Privacy.IsRecordOnRing ? config.Privacy.MaxRecords : 1).Terms.PldEps);
        }
        catch (FedCloudException)
        {
            return null; // no silo can account for such a plan, and each refuses it
        }
    }

    private static string Of(decimal epsilon) => Ranges.FirstOrDefault(range => epsilon <= range.Most).Range ?? ">8";
}
