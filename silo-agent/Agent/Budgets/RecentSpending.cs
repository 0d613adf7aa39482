// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>What a ledger charged in the last 365 days.</summary>
/// <remarks>No guarantee rests on it: the limit is over all jobs ever. An administrator may keep a pace by it, and refuse plans that the limit would still admit.</remarks>
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
        (long charges, LedgerRdp spent) = Sum(reading.Entries, reading.State, now);
        return new RecentSpending(DaysShown, charges, Needed(reading.State, charges, spent));
    }

    /// <summary>The eps_max that these days would need with a plan: what they were charged, what is reserved, and the plan's most.</summary>
    /// <param name="entries">The ledger's entries.</param>
    /// <param name="state">The ledger.</param>
    /// <param name="request">The plan.</param>
    /// <param name="now">The end of the days.</param>
    /// <returns>Null without a limit, or where no order has a bound.</returns>
    public static decimal? With(IEnumerable<LedgerEntry> entries, LedgerState state, ReserveRequest request, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(entries);
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(request);
        LedgerRdp asked = request.Terms.Aggregate(LedgerRdp.Zero, (sum, terms) => sum.Plus(terms.Rdp.Times(request.MaxRounds)));
        return state.Limit is { } limit ? LedgerFilter.RequiredEpsilon(Sum(entries, state, now).Spent.Plus(state.Reserved).Plus(asked), (double)limit.DeltaMax) : null;
    }

    private static (long Charges, LedgerRdp Spent) Sum(IEnumerable<LedgerEntry> entries, LedgerState state, DateTimeOffset now)
    {
        DateTimeOffset from = now.AddDays(-DaysShown);
        long charges = 0;
        LedgerRdp spent = LedgerRdp.Zero;
        foreach (LedgerEntry entry in entries.Where(entry => RoundsOf(entry) > 0 && LogEntry.ParseTime(entry.Time) >= from))
        {
            charges += RoundsOf(entry);
            spent = spent.Plus(CostOf(state, entry).Times(RoundsOf(entry)));
        }

        return (charges, spent);
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
