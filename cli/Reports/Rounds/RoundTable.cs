// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Privacy;
using FedCloud.Cli.Reports.Runs;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>The per-round record: the table of compliance reports, section 2. Every field is always printed.</summary>
internal static class RoundTable
{
    private static readonly ImmutableArray<(string Key, string Title)> Groups =
    [
        ("scope", "Scope"),
        ("members", "Members"),
        ("model", "Model"),
        ("configuration", "Configuration"),
        ("privacy", "Privacy"),
        ("result", "Result"),
        ("failures", "Failures"),
        ("keys", "Keys"),
        ("time", "Time"),
        ("evidence", "Evidence"),
    ];

    /// <summary>The rows.</summary>
    public static ImmutableArray<RoundRow> Rows { get; } =
    [
        new("scope", "federation", "Federation", RoundScopeFields.Federation),
        new("scope", "job", "Run", RoundScopeFields.Job),
        new("scope", "round", "Round", RoundScopeFields.Round),
        new("scope", "rid", "Identity of the attempt (rid)", RoundScopeFields.Rid),
        new("scope", "epoch", "Epoch", RoundScopeFields.Epoch),
        new("scope", "slot", "Slot", RoundScopeFields.Slot),
        new("scope", "mode", "Mode", (report, _) => PrivacyFields.Claim(report)),
        new("members", "roster_version", "Roster version", RoundMemberFields.RosterVersion),
        new("members", "roster_hash", "Roster hash", RoundMemberFields.RosterHash),
        new("members", "u2_count", "U2, who agreed on the epoch's keys: count", RoundMemberFields.U2Count),
        new("members", "u2_hash", "U2: hash", RoundMemberFields.U2Hash),
        new("members", "u3_count", "U3, whose updates count: count", RoundMemberFields.U3Count),
        new("members", "u3_hash", "U3: hash", RoundMemberFields.U3Hash),
        new("members", "n", "n, members", RoundMemberFields.N),
        new("members", "t", "t, the fewest of U3", RoundMemberFields.T),
        new("members", "minimum_honest", "Honest members at least, in every U3", RoundMemberFields.MinimumHonest),
        new("members", "c_max", "c_max, silos that may collude", RoundMemberFields.MaxColluders),
        new("members", "groups", "Groups: n, t, c_max of each, and the draw", RoundMemberFields.GroupsUsed),
        new("model", "hash_in", "Hash in", RoundModelFields.HashIn),
        new("model", "hash_out", "Hash out", RoundModelFields.HashOut),
        new("model", "base_model", "Base-model hash", (report, _) => RunFields.BaseModel(report)),
        new("model", "adapter_rule", "Adapter rule", (report, _) => RunFields.AdapterRule(report)),
        new("model", "ranks", "Ranks", (report, _) => RunFields.Ranks(report)),
        new("configuration", "config_sha256", "config_sha256, the only plan hash", RoundModelFields.Config),
        new("configuration", "approvals", "Approvals with signer", (report, _) => RunFields.Approvals(report)),
        new("configuration", "quorum", "Quorum", RoundMemberFields.Quorum),
        new("configuration", "code", "Code and image digests", RoundModelFields.Code),
        new("configuration", "suite", "Suite", RoundRingFields.Suite),
        new("configuration", "k", "k, bits of the ring", RoundRingFields.K),
        new("configuration", "b", "b, bits of one silo's coordinate", RoundRingFields.B),
        new("configuration", "segments", "Segments with clip and range", RoundRingFields.Segments),
        new("configuration", "rotation", "Rotation", RoundRingFields.Rotation),
        new("privacy", "claim", "Claim", (report, _) => PrivacyFields.Claim(report)),
        new("privacy", "unit", "Unit", (report, _) => PrivacyFields.Unit(report)),
        new("privacy", "neighbouring_relation", "Neighbouring relation", (report, _) => PrivacyFields.Neighbours(report)),
        new("privacy", "adversary", "Adversary", (report, _) => PrivacyFields.Adversary(report)),
        new("privacy", "steps", "Steps", (report, _) => PrivacyFields.Steps(report)),
        new("privacy", "clip", "Clip norm", (report, _) => PrivacyFields.Clip(report)),
        new("privacy", "delta", "Delta", (report, _) => PrivacyFields.Delta(report)),
        new("privacy", "z", "Noise multiplier z", (report, _) => PrivacyFields.Noise(report)),
        new("privacy", "z_eff", "Effective noise multiplier z_eff", (report, _) => PrivacyFields.EffectiveNoise(report)),
        new("privacy", "q", "Sampling rate q", (report, _) => PrivacyFields.SamplingRate(report)),
        new("privacy", "epsilon_plan", "Epsilon of the plan", (report, _) => PrivacyFields.PlanEpsilon(report)),
        new("privacy", "epsilon_ledger", "Ledger epsilon that is required", (report, _) => PrivacyFields.LedgerEpsilon(report)),
        new("privacy", "epsilon_round", "Epsilon of the round", (report, _) => PrivacyFields.RoundEpsilon(report)),
        new("privacy", "epsilon_job", "Epsilon of the job at its reserved maximum", (report, _) => PrivacyFields.JobEpsilon(report)),
        new("privacy", "epsilon_realised", "Epsilon at the realised steps (not a guarantee)", (report, _) => PrivacyFields.RealisedEpsilon(report)),
        new("privacy", "epsilon_period", "Epsilon of the period, range over silos", (report, _) => PrivacyFields.PeriodEpsilon(report)),
        new("privacy", "epsilon_lifetime", "Epsilon of the lifetime, range over silos", (report, _) => PrivacyFields.LifetimeEpsilon(report)),
        new("privacy", "charges", "Charges for this round", PrivacyFields.Charges),
        new("privacy", "metric_charges", "Charged metric entries", (report, _) => PrivacyFields.MetricCharges(report)),
        new("privacy", "excludes", "ε excludes", (report, _) => PrivacyFields.Exclusions(report)),
        new("privacy", "accountant", "Accountant version", (report, _) => PrivacyFields.Accountant(report)),
        new("privacy", "sampler", "Sampler profile", (report, _) => PrivacyFields.Sampler(report)),
        new("result", "aggregate", "Aggregate hash", RoundResultFields.Aggregate),
        new("result", "aggregate_norm", "Aggregate norm", RoundResultFields.Norm),
        new("result", "sum_checks", "Checks on the sum", RoundResultFields.SumChecks),
        new("result", "gates", "Gate decisions with thresholds and basis", RoundResultFields.Gates),
        new("result", "aggregate_norm_gate", "The aggregate-norm gate", RoundResultFields.NormGate),
        new("result", "metrics", "Metrics", RoundResultFields.Metrics),
        new("result", "silo_metrics", "Metrics per silo", RoundResultFields.SiloMetrics),
        new("result", "worst_silo", "Worst silo", RoundResultFields.WorstSilo),
        new("failures", "failure_reason", "Why the attempt failed", RoundFailureFields.FailureReason),
        new("failures", "drops", "Drops", RoundFailureFields.Drops),
        new("failures", "drop_reasons", "Reason codes of drops", RoundFailureFields.DropReasons),
        new("failures", "refusals", "Refusals", RoundFailureFields.Refusals),
        new("failures", "alarms", "Alarms", RoundFailureFields.Alarms),
        new("failures", "retries", "Retries", RoundFailureFields.Retries),
        new("failures", "burned", "Burned slots", RoundFailureFields.Burned),
        new("failures", "discontinuous_starts", "Agent starts without continuity", RoundFailureFields.DiscontinuousStarts),
        new("keys", "kek", "KEK version", RoundKeyFields.WrappingKey),
        new("keys", "ck", "CK version", RoundKeyFields.MessageKey),
        new("keys", "lk", "LK version", RoundKeyFields.LogKey),
        new("keys", "member_keys", "IK, WK, AK: the roster's version", RoundKeyFields.MemberKeys),
        new("time", "start", "Start", RoundTimeFields.Start),
        new("time", "deadline", "Deadline", RoundTimeFields.Deadline),
        new("time", "end", "End", RoundTimeFields.End),
        new("evidence", "log_indexes", "Log indexes", RoundEvidenceFields.Indexes),
        new("evidence", "checkpoint", "Checkpoint: size and root", RoundEvidenceFields.Checkpoint),
        new("evidence", "witness_lines", "Witness lines before the first masked update", RoundEvidenceFields.WitnessLines),
        new("evidence", "proofs", "Proofs", RoundEvidenceFields.Proofs),
    ];

    /// <summary>The record of an attempt.</summary>
    public static ImmutableArray<ReportGroup> Of(ReportContext report, RoundAttempt round) =>
    [
        .. Groups.Select(group => new ReportGroup(
            group.Key,
            group.Title,
            [.. Rows.Where(row => string.Equals(row.Group, group.Key, StringComparison.Ordinal)).Select(row => new ReportField(row.Key, row.Title, row.Source(report, round)))])),
    ];
}
