// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Ledgers;

/// <summary>Whether a silo's clock is so far off the log's time that its ledger reserves and charges nothing (privacy, section 6.4). Pure.</summary>
/// <remarks>
/// A log that stands still is no sign of a wrong clock. So a clock counts as ahead only by what others wrote after an entry of this start of
/// the agent, compared with what the clock said when that entry was written. A time that the log shows has passed, however old the log is, so a
/// clock behind it is wrong at once.
/// </remarks>
public static class LedgerClock
{
    /// <summary>The most that a clock may be off.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromHours(24);

    /// <summary>How the clock contradicts the log; null when it does not, or nothing is known.</summary>
    /// <param name="clock">The silo's clock.</param>
    /// <param name="log">What the log says; null before it was read.</param>
    public static ClockFault? FaultOf(DateTimeOffset clock, LogTime? log)
    {
        if (log?.Reached is { } reached && clock + Limit < reached)
        {
            return new ClockFault(clock, reached);
        }

        // The earlier of the two, so that a clock that was put right counts at once.
        return log is { Written: { } written, Followed: { } followed } && Earlier(clock, written) is var said && said > followed + Limit
            ? new ClockFault(said, followed)
            : null;
    }

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;
}
