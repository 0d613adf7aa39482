// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>What the silo's own terminal shows of its ledgers. Nothing of it leaves the silo.</summary>
/// <param name="Ledgers">The ledgers by name.</param>
public sealed record BudgetReport(ImmutableArray<LedgerReport> Ledgers)
{
    /// <summary>Reads and verifies the ledgers of a folder; an agent may be writing them.</summary>
    /// <exception cref="Protocol.Errors.FedCloudException"><c>ledger_broken</c>, <c>ledger_missing</c>, <c>key_file_permissions</c>.</exception>
    /// <param name="folder">The folder.</param>
    /// <param name="now">The time.</param>
    public static BudgetReport Read(string folder, DateTimeOffset now) => new(
    [
        .. LedgerPaths.In(folder)
            .Where(paths => File.Exists(paths.Salt) || File.Exists(paths.Records) || (File.Exists(paths.Entries) && new FileInfo(paths.Entries).Length > 0))
            .Select(paths => LedgerReport.Of(paths.Name, LedgerReading.Read(paths), ExcludedRuns.Read(paths), now)),
    ]);
}

/// <summary>One ledger.</summary>
/// <param name="Name">The budget group or the data set's uid.</param>
/// <param name="Limit">The limit in force; null before the first.</param>
/// <param name="RequiredEpsilon">The eps_max that what is spent and reserved needs; null without a limit, or where no order has a bound.</param>
/// <param name="RemainingEpsilon">eps_max less that; not below 0.</param>
/// <param name="Recent">What the last 365 days' charges alone would need: for information, no limit.</param>
/// <param name="EpsilonExcludes">Runs without a privacy claim that the policy names or that used the data: no figure here counts them.</param>
/// <param name="Closed">Whether nothing can be spent because a logged reserve is missing (<c>ledger_gap</c>).</param>
/// <param name="Head">The hash of the last entry.</param>
/// <param name="Entries">The number of entries.</param>
/// <param name="TornBytes">The bytes of a half written last line, which the agent cuts when it starts.</param>
/// <param name="Jobs">The jobs by name.</param>
public sealed record LedgerReport(string Name, LedgerLimit? Limit, decimal? RequiredEpsilon, decimal? RemainingEpsilon, RecentSpending Recent, ImmutableArray<RunId> EpsilonExcludes, bool Closed, Sha256Digest Head, long Entries, long TornBytes, ImmutableArray<JobReport> Jobs)
{
    /// <summary>The report of a ledger.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="reading">The ledger.</param>
    /// <param name="excluded">The runs that it does not count.</param>
    /// <param name="now">The time.</param>
    public static LedgerReport Of(string name, LedgerReading reading, ExcludedRuns excluded, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(reading);
        ArgumentNullException.ThrowIfNull(excluded);
        LedgerState state = reading.State;
        decimal? required = state.Spent.Plus(state.Reserved).Equals(LedgerRdp.Zero) && state.Limit is not null ? 0 : state.RequiredEpsilon;
        decimal? remaining = state.Limit is { } limit ? Math.Max(0, limit.EpsMax - (required ?? limit.EpsMax)) : null;
        return new(name, state.Limit, required, remaining, RecentSpending.Of(reading, now), excluded.All, state.IsClosed, state.Head, state.Seq, reading.TornBytes, [.. state.Jobs.Select(job => JobReport.Of(job.Key, job.Value))]);
    }
}

/// <summary>One job of a ledger.</summary>
/// <param name="Job">The job.</param>
/// <param name="State"><c>reserved</c>, <c>barred</c>, <c>settled</c> or <c>refused</c>.</param>
/// <param name="Refusals">The codes that it was refused with.</param>
/// <param name="Mechanisms">What it pays for.</param>
public sealed record JobReport(RunId Job, string State, ImmutableArray<string> Refusals, ImmutableArray<MechanismReport> Mechanisms)
{
    /// <summary>The report of a job.</summary>
    public static JobReport Of(RunId id, LedgerJob job)
    {
        ArgumentNullException.ThrowIfNull(job);
        string state = job.Status switch
        {
            LedgerJobStatus.Reserved => "reserved",
            LedgerJobStatus.Barred => "barred",
            LedgerJobStatus.Settled => "settled",
            _ => "refused",
        };
        return new(id, state, job.Refusals, [.. job.ByMechanism.Values.Select(reserve => MechanismReport.Of(job, reserve))]);
    }
}

/// <summary>One mechanism of a job.</summary>
/// <param name="Mechanism">The mechanism.</param>
/// <param name="Unit">What is protected.</param>
/// <param name="Z">The noise multiplier.</param>
/// <param name="Q">The sampling rate.</param>
/// <param name="Charged">Rounds that were charged.</param>
/// <param name="Counted">Rounds that count as spent: more than were charged where a start was discontinuous.</param>
/// <param name="Rounds">The most rounds of the present reserve.</param>
/// <param name="PldEpsilon">The reported epsilon of the whole job at its reserved maximum.</param>
/// <param name="Delta">Its delta.</param>
public sealed record MechanismReport(LedgerMechanism Mechanism, PrivacyUnit Unit, decimal Z, decimal Q, long Charged, long Counted, long Rounds, decimal PldEpsilon, decimal Delta)
{
    /// <summary>The report of a mechanism.</summary>
    public static MechanismReport Of(LedgerJob job, LedgerReserve reserve)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(reserve);
        LedgerTerms terms = reserve.Terms;
        return new(terms.Mechanism, terms.Unit, terms.Z, terms.Q, job.Charges.Values.LongCount(charged => charged == terms.Mechanism), reserve.SpentRounds, reserve.Rounds, terms.PldEps, terms.Delta);
    }
}

/// <summary>JSON of the report.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(BudgetReport))]
public sealed partial class BudgetJson : JsonSerializerContext;
