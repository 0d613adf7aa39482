// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>What a ledger charged in the last 365 days. For information: the limit is over all jobs ever, and nothing is admitted by this figure.</summary>
/// <param name="Days">The number of days.</param>
/// <param name="Charges">Rounds of a mechanism that were charged in that time, or counted as spent after a discontinuous start.</param>
/// <param name="EpsilonAlone">The eps_max that they would need if there were nothing else; null without a limit, or where no order has a bound.</param>
public sealed record RecentSpending(int Days, long Charges, decimal? EpsilonAlone)
{
    private const int DaysShown = 365;

    /// <summary>The spending of a ledger.</summary>
    /// <param name="reading">The ledger.</param>
    /// <param name="now">The end of the days.</param>
    public static RecentSpending Of(LedgerReading reading, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(reading);
        DateTimeOffset from = now.AddDays(-DaysShown);
        long charges = 0;
        LedgerRdp spent = LedgerRdp.Zero;
        foreach (LedgerEntry entry in reading.Entries.Where(entry => RoundsOf(entry) > 0 && LogEntry.ParseTime(entry.Time) >= from))
        {
            charges += RoundsOf(entry);
            spent = spent.Plus(CostOf(reading.State, entry).Times(RoundsOf(entry)));
        }

        return new RecentSpending(DaysShown, charges, Needed(reading.State, charges, spent));
    }

    private static long RoundsOf(LedgerEntry entry) => entry.Type switch
    {
        LedgerEntryType.Charge => 1,
        LedgerEntryType.Recompute => entry.Counted ?? 0,
        _ => 0,
    };

    // As the ledger counts it now: a newer accountant may have raised it since (rule L13).
    private static LedgerRdp CostOf(LedgerState state, LedgerEntry entry) =>
        entry is { Job: { } job, Mechanism: { } mechanism }
            ? state.Jobs[job].ByMechanism[mechanism].Terms.Rdp
            : throw new InvalidOperationException("a charge names its job and mechanism");

    private static decimal? Needed(LedgerState state, long charges, LedgerRdp spent) =>
        state.Limit is not { } limit ? null : charges == 0 ? 0 : LedgerFilter.RequiredEpsilon(spent, (double)limit.DeltaMax);
}
