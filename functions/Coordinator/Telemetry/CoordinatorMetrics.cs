// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using System.Text.Json;
using FedCloud.Cloud.Telemetry;
using FedCloud.Coordinator.Runs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Telemetry;

/// <summary>The coordinator's metrics: of runs, what a change of a run's document says; whoever made the change durable tells it, once.</summary>
/// <remarks>Nothing here is known to the coordinator that the log does not show too. Counts may miss a change whose writing was in doubt: telemetry is no evidence.</remarks>
public static class CoordinatorMetrics
{
    private const string Abandoned = "abandoned";
    private const string Committed = "committed";

    private static readonly Meter Meter = new(TelemetryNames.Coordinator);
    private static readonly InstrumentAdvice<double> Seconds = new() { HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400] };
    private static readonly InstrumentAdvice<int> Silos = new() { HistogramBucketBoundaries = [0, 1, 2, 3, 4, 5, 6, 8, 10, 16, 32, 64, 128, 256, 512] };

    private static readonly Histogram<double> PhaseDuration = Meter.CreateHistogram(TelemetryNames.PhaseDuration, "s", "How long a phase of a round took", tags: null, Seconds);
    private static readonly Histogram<int> Participants = Meter.CreateHistogram(TelemetryNames.Participants, "{silo}", "Silos in a round's result", tags: null, Silos);
    private static readonly Counter<int> Dropouts = Meter.CreateCounter<int>(TelemetryNames.Dropouts, "{silo}", "Silos that were asked and are not in a round's result");
    private static readonly Counter<long> Bytes = Meter.CreateCounter<long>(TelemetryNames.Bytes, "By", "Bytes that silos uploaded for rounds");
    private static readonly Counter<int> Failed = Meter.CreateCounter<int>(TelemetryNames.Failed, "{round}", "Rounds without a result");
    private static readonly Histogram<double> MailboxAge = Meter.CreateHistogram(TelemetryNames.MailboxAge, "s", "How long messages waited until they were taken", tags: null, Seconds);
    private static readonly Gauge<int> DeadLetters = Meter.CreateGauge<int>(TelemetryNames.DeadLetters, "{message}", "Messages that were put aside");
    private static readonly Counter<int> EpsilonRange = Meter.CreateCounter<int>(TelemetryNames.EpsilonRange, "{run}", "Runs with a privacy claim by the range of the epsilon that they reserve");
    private static readonly Counter<int> LedgerRefused = Meter.CreateCounter<int>(TelemetryNames.LedgerRefused, "{refusal}", "Refusals of silos' privacy ledgers");
    private static readonly Gauge<double> KeyExpiresIn = Meter.CreateGauge<double>(TelemetryNames.KeyExpiresIn, "d", "Days until a key ends");

    private static readonly FrozenSet<string> LedgerCodes = FrozenSet.Create(
        StringComparer.Ordinal,
        [
            .. new[]
            {
                ErrorCodes.BudgetMissing, ErrorCodes.PrivacyRequired, ErrorCodes.DatasetChanged, ErrorCodes.UnitNotAccounted, ErrorCodes.LedgerBroken, ErrorCodes.LedgerMissing,
                ErrorCodes.LimitMissing, ErrorCodes.BudgetExhausted, ErrorCodes.UnitWeaker, ErrorCodes.DeltaAboveLimit, ErrorCodes.ReserveMissing, ErrorCodes.ReserveUsedUp,
                ErrorCodes.ReserveBarred, ErrorCodes.ClockOff, ErrorCodes.BudgetGroupRequired,
            }.Select(code => code.Name),
        ]);

    /// <summary>The mailbox of the coordinator, as an attribute.</summary>
    public const string CoordinatorMailbox = "coordinator";

    /// <summary>The mailbox of the log's writer, as an attribute.</summary>
    public const string LogMailbox = "audit";

    /// <summary>A message was taken that had waited for so long.</summary>
    public static void MessageTaken(string mailbox, TimeSpan age) => MailboxAge.Record(Math.Max(age.TotalSeconds, 0), new KeyValuePair<string, object?>(TelemetryNames.Mailbox, mailbox));

    /// <summary>Whether somebody wants to know how many messages are put aside; counting them asks the storage.</summary>
    public static bool CountsDeadLetters => DeadLetters.Enabled;

    /// <summary>So many messages are put aside.</summary>
    public static void PutAside(string mailbox, int letters) => DeadLetters.Record(letters, new KeyValuePair<string, object?>(TelemetryNames.Mailbox, mailbox));

    /// <summary>A key ends then.</summary>
    public static void KeyEnds(string key, TimeSpan left) => KeyExpiresIn.Record(left.TotalDays, new KeyValuePair<string, object?>(TelemetryNames.Key, key));

    /// <summary>A run's document changed.</summary>
    public static void Changed(RunDocument before, RunDocument after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        PhaseOf(before, after);
        foreach (RecordRound ended in after.Pending.Where(pending => pending.Id >= before.NextEffect).Select(pending => pending.Effect).OfType<RecordRound>())
        {
            Ended(ended.Record);
        }

        int refusals = Refusals(after.State) - Refusals(before.State);
        if (refusals > 0)
        {
            LedgerRefused.Add(refusals);
        }

        bool begins = before.State.LastRound == 0 && after.State.LastRound > 0;
        if (begins && EpsilonRange.Enabled && EpsilonRanges.Of(after.State.Config) is { } range)
        {
            EpsilonRange.Add(1, new KeyValuePair<string, object?>(TelemetryNames.Range, range));
        }
    }

    private static void PhaseOf(RunDocument before, RunDocument after)
    {
        if (before is { State.Round: { } round, PhaseChangedAt: { } began } && after.PhaseChangedAt is { } ended && RunDocument.PhaseOf(before.State) != RunDocument.PhaseOf(after.State))
        {
            string phase = JsonNamingPolicy.SnakeCaseLower.ConvertName(round.Phase.ToString());
            PhaseDuration.Record(Math.Max((ended - began).TotalSeconds, 0), new KeyValuePair<string, object?>(TelemetryNames.PhaseName, phase));
            CoordinatorTraces.PhaseEnded(phase, before.State.Config.Job, round.Round, began, ended);
        }
    }

    private static void Ended(RoundRecord record)
    {
        bool isCommitted = string.Equals(record.Outcome, Committed, StringComparison.Ordinal);
        if (!isCommitted && !string.Equals(record.Outcome, Abandoned, StringComparison.Ordinal))
        {
            return;
        }

        int contributed = isCommitted ? record.Members.Values.Count(member => member.Phase == MemberPhase.Verified) : 0;
        Participants.Record(contributed);
        Dropouts.Add(record.Members.Values.Count(member => member.Phase != MemberPhase.Verified));
        Bytes.Add(record.Members.Values.Sum(member => member.UploadedBytes));
        if (!isCommitted)
        {
            Failed.Add(1);
        }
    }

    // The reason is in the log as well, signed by the silo or in the coordinator's entry of the round.
    private static int Refusals(RunState state) =>
        state.Silos.Values.Count(silo => silo.Approval == Approval.Refused && LedgerCodes.Contains(silo.Reason))
        + (state.Round?.Members.Values.Count(member => member is { Phase: MemberPhase.Declined, Reason: { } reason } && LedgerCodes.Contains(reason)) ?? 0);
}
