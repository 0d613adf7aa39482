// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>What happened to a budget.</summary>
public enum BudgetEvent
{
    /// <summary>A run's most rounds are reserved.</summary>
    Reserved,

    /// <summary>A round is charged.</summary>
    Charged,

    /// <summary>A run is over.</summary>
    Settled,

    /// <summary>The ledger refused.</summary>
    Refused,

    /// <summary>The start does not continue the last one, so reserves count as spent.</summary>
    Barred,

    /// <summary>The ledger is older than the log shows it.</summary>
    Older,

    /// <summary>A half written last line was cut.</summary>
    Torn,
}

/// <summary>News of the budget for the silo's own terminal. It holds figures, and never leaves the machine.</summary>
/// <param name="Event">What happened.</param>
/// <param name="Text">In words.</param>
/// <param name="EpsilonSpent">What all runs have cost, as the filter counts it; null where nothing is bounded.</param>
/// <param name="EpsilonLeft">What is neither spent nor reserved.</param>
/// <param name="EpsilonMax">The limit.</param>
/// <param name="DeltaMax">Its delta.</param>
/// <param name="RunEpsilon">The run's epsilon at its most rounds, by PLD.</param>
/// <param name="RoundsCharged">Rounds of the run that are charged.</param>
/// <param name="RoundsReserved">The most rounds of the run.</param>
public sealed record BudgetNews(
    BudgetEvent Event, string Text, decimal? EpsilonSpent = null, decimal? EpsilonLeft = null, decimal? EpsilonMax = null, decimal? DeltaMax = null, decimal? RunEpsilon = null, long? RoundsCharged = null, long? RoundsReserved = null)
{
    /// <summary>A line that a crash left half written was cut.</summary>
    public static BudgetNews Torn(long bytes) => new(BudgetEvent.Torn, string.Create(CultureInfo.InvariantCulture, $"the ledger's last line was half written, {bytes} bytes; it never counted and was cut"));

    /// <summary>The silo's clock contradicts the log.</summary>
    public static BudgetNews Clock(ClockFault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        return new(BudgetEvent.Refused, string.Create(CultureInfo.InvariantCulture, $"{ErrorCodes.ClockOff.Name}: this machine's clock says {fault.Clock.UtcDateTime:s}Z, the log {fault.Log.UtcDateTime:s}Z, more than {LedgerClock.Limit.TotalHours} h apart; nothing is reserved or charged. Set the clock by NTP and start the agent again"));
    }

    /// <summary>News of a decision.</summary>
    /// <param name="what">What happened.</param>
    /// <param name="step">The ledger's decision.</param>
    /// <param name="job">The run; null when it is about all.</param>
    public static BudgetNews Of(BudgetEvent what, LedgerStep step, RunId? job)
    {
        ArgumentNullException.ThrowIfNull(step);
        LedgerState state = step.State;
        LedgerReserve? reserve = job is { } run ? state.Jobs.GetValueOrDefault(run)?.ByMechanism.Values.FirstOrDefault() : null;
        BudgetNews news = new(
            what,
            string.Empty,
            Needed(state, state.Spent),
            state.Limit?.EpsMax - Needed(state, state.Spent.Plus(state.Reserved)),
            state.Limit?.EpsMax,
            state.Limit?.DeltaMax,
            reserve?.Terms.PldEps,
            reserve?.SpentRounds,
            reserve?.Rounds);
        return news with { Text = news.Describe(step) };
    }

    // The filter's own share of delta needs some epsilon even where nothing is spent; people expect 0 there.
    private static decimal? Needed(LedgerState state, LedgerRdp total) =>
        total.Equals(LedgerRdp.Zero) || state.Limit is not { } limit ? 0 : LedgerFilter.RequiredEpsilon(total, (double)limit.DeltaMax);

    private string Describe(LedgerStep step)
    {
        string left = string.Create(CultureInfo.InvariantCulture, $"{EpsilonLeft:0.###} of {EpsilonMax:0.###} left");
        return Event switch
        {
            BudgetEvent.Reserved => string.Create(CultureInfo.InvariantCulture, $"reserved {RoundsReserved} rounds, epsilon {RunEpsilon:0.###}; {left}"),
            BudgetEvent.Charged => string.Create(CultureInfo.InvariantCulture, $"charged {RoundsCharged} of {RoundsReserved} rounds; the ledger counts {EpsilonSpent:0.###}, {left}"),
            BudgetEvent.Settled => string.Create(CultureInfo.InvariantCulture, $"settled after {RoundsCharged ?? 0} charged rounds; the ledger counts {EpsilonSpent:0.###}, {left}"),
            BudgetEvent.Refused => string.Create(CultureInfo.InvariantCulture, $"{step.Refusal?.Name}: the run needs a limit of {step.RequiredEpsilon:0.###}, the ledger has {EpsilonMax:0.###}"),
            BudgetEvent.Barred => string.Create(CultureInfo.InvariantCulture, $"this start does not continue the last one, so what runs had reserved counts as spent; {left}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"the ledger is older than the log shows it, so what is reserved there counts as spent; {left}"),
        };
    }
}
