// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Cli.Plans;

/// <summary>What a plan's privacy claim comes to at a silo of so many records or persons.</summary>
/// <param name="Units">N.</param>
/// <param name="SamplingRate">q.</param>
/// <param name="NoiseMultiplier">z.</param>
/// <param name="MaxSteps">The most steps that are charged.</param>
/// <param name="RoundEpsilon">The epsilon of one round alone, by PLD; of noise on the ring by RDP.</param>
/// <param name="Epsilon">The epsilon at the most steps, by PLD; of noise on the ring by RDP.</param>
/// <param name="LedgerEpsilon">What an unused ledger's limit must be.</param>
/// <param name="Refused">Why such a silo refuses; null when it does not, and then all figures are there.</param>
internal sealed record ClaimFigures(long Units, decimal? SamplingRate, decimal? NoiseMultiplier, long? MaxSteps, decimal? RoundEpsilon, decimal? Epsilon, decimal? LedgerEpsilon, string? Refused)
{
    // Two sizes that delta = 1e-5 allows.
    private static readonly long[] Usual = [1_000, 10_000];

    /// <summary>The figures; empty without a claim.</summary>
    /// <param name="config">The plan.</param>
    /// <param name="units">The silo's number of records or persons; null shows two sizes.</param>
    public static IReadOnlyList<ClaimFigures> Of(RunConfig config, long? units) =>
        config.Privacy.IsClaimed ? [.. UnitsOf(config.Privacy, units).Select(count => Of(config, count))] : [];

    // On the ring all silos have one noise, whatever their size.
    private static long[] UnitsOf(PrivacyPlan privacy, long? units) =>
        !privacy.IsOnRing ? units is { } one ? [one] : Usual
        : privacy.IsRecordOnRing ? [units ?? privacy.MaxRecords]
        : [1];

    private static ClaimFigures Of(RunConfig config, long units)
    {
        try
        {
            ClaimAccount account = ClaimAccount.Of(config, units);
            decimal round = config.Privacy.IsOnRing ? DistributedPrivacy.Of(config).RoundEpsilon : ExamplePrivacy.RoundEpsilon(account.Terms);
            return new(units, account.Terms.Q, account.Terms.Z, account.MaxRounds * account.Terms.Steps, round, account.Terms.PldEps, account.LedgerEpsilon(), Refused: null);
        }
        catch (FedCloudException error)
        {
            return new(units, null, null, null, null, null, null, error.Message);
        }
    }
}
