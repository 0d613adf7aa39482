// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Audit;

/// <summary>The rows of audit-log, section 7.</summary>
internal static class EntrySchemaTable
{
    private const EntrySigners C = EntrySigners.Coordinator;
    private const EntrySigners S = EntrySigners.Silo;
    private const EntrySigners A = EntrySigners.Admin;

    private static readonly string[] KeyPurposes = ["ik", "wk", "ak", "ck", "lk", "kek"];
    private static readonly string[] BudgetCodes = ["reserve", "charge", "settle", "refuse", "limit", "recompute"];

    public static ImmutableArray<EntrySchema> Rows { get; } =
    [
        Row(EntryTypes.Roster, C, EntryScope.Any, Digest("roster"), Integer("version"), Integer("n"), Integer("t"), Integer("signatures")),
        Row(EntryTypes.Policy, A, EntryScope.Any, Digest("policy"), Silo()),
        Row(EntryTypes.PlanSubmitted, C, EntryScope.Job, Digest("config"), Digest("initial_model"), Code("role")),
        Row(EntryTypes.PlanApproved, A | S, EntryScope.Job, Digest("config"), Digest("initial_model"), Optional(Digest("policy")), Code("role")) with { Rule = PolicyOfSilo },
        Row(EntryTypes.PlanRefused, A | S, EntryScope.Job, Digest("config"), Digest("initial_model"), Optional(Digest("policy")), Code("role"), Code("reason")) with { Rule = PolicyOfSilo },
        Row(EntryTypes.EpochOpen, C, EntryScope.Any, Digest("sid"), Digest("l1"), Integer("epoch"), Integer("slots")),
        Row(EntryTypes.EpochReady, C, EntryScope.Any, Digest("sid"), Digest("u2")),
        Row(EntryTypes.EpochAbandoned, C, EntryScope.Any, Digest("sid"), Optional(Digest("u2")), Code("reason")),
        Row(EntryTypes.AgentStarted, S, EntryScope.Any, Digest("nonce"), Digest("journal_head"), Optional(Digests("ledger_head")), Integer("idx"), Flag("continuous")),
        Row(EntryTypes.BeaconCommit, S, EntryScope.Any, Digest("commitment"), Integer("draw"), Integer("idx")),
        Row(EntryTypes.BeaconReveal, S, EntryScope.Any, Digest("commitment"), Integer("draw"), Integer("idx"), new EntryMember("value", EntryMemberKind.Reveal)),
        Row(EntryTypes.BeaconVoid, C, EntryScope.Any, Integer("draw"), new EntryMember("missing", EntryMemberKind.Indexes)),
        Row(EntryTypes.RoundStart, C, EntryScope.Round, Digest("rid"), Digest("model"), Digest("config"), Integer("slot"), Integer("d"), Integer("k"), Integer("deadline")),
        Row(EntryTypes.Masked, C, EntryScope.Round, Digest("rid"), Digest("masked"), Digest("ledger_head"), Digest("journal_head"), Integer("idx")),
        Row(EntryTypes.Burned, S, EntryScope.Round, Digest("rid"), Digest("burned"), Integer("idx")),
        Row(EntryTypes.U3, C, EntryScope.Round, Digest("rid"), Digest("u3"), Integer("count")),
        Row(EntryTypes.Result, C, EntryScope.Round, Digest("rid"), Digest("u3"), Digest("seeds"), Digest("aggregate"), Digest("new_model")),
        Row(EntryTypes.RoundFailed, C, EntryScope.Round, Digest("rid"), Code("reason")),
        Row(EntryTypes.Gate, C, EntryScope.Job, Optional(Digest("model")), Optional(Digest("aggregate")), Code("gate"), Flag("passed"), Code("basis", "public", "metric", "aggregate", "excluded")) with { Rule = OneEvaluated },
        Row(EntryTypes.Alarm, S | C, EntryScope.Any, Digests("evidence"), Code("code")),
        Row(EntryTypes.Budget, S | A, EntryScope.Any, Digest("receipt"), Digest("dataset"), Digest("head_before"), Digest("head_after"), Code("code", BudgetCodes)) with { Rule = BudgetScope },
        Row(EntryTypes.ModelReleased, C, EntryScope.Job, Digest("model"), Digest("evaluation"), Integer("version"), Integer("votes"), Code("basis", "public", "metric", "excluded")),
        Row(EntryTypes.ChannelMoved, C, EntryScope.Any, Digest("model"), Code("adapter"), Code("channel"), Integer("version"), Code("reason")),
        Row(EntryTypes.ModelRolledBack, C, EntryScope.Job, Digest("model"), Digest("rollback"), Integer("version"), Integer("first_round")),
        Row(EntryTypes.KekCurrent, C, EntryScope.Any, Digest("kek"), new EntryMember("kid", EntryMemberKind.KeyIdentifier)),
        Row(EntryTypes.KeyRotated, C, EntryScope.Any, Digest("old"), Digest("new"), Optional(Digest("roster")), Code("purpose", KeyPurposes)) with { Rule = RosterOfLogKey },
        Row(EntryTypes.KeyReplaced, C, EntryScope.Any, Digest("old"), Digest("new"), Optional(Digest("roster")), Code("purpose", KeyPurposes)) with { Rule = RosterOfLogKey },
        Row(EntryTypes.KeyRetired, C, EntryScope.Any, Digest("old"), Optional(Digest("new")), Optional(Digest("roster")), Code("purpose", KeyPurposes)),
        Row(EntryTypes.SiloInvited, C, EntryScope.Any, Digest("commitment"), Silo()),
        Row(EntryTypes.IdentityEnrolled, C, EntryScope.Any, Digest("ik"), Digest("wk"), Digest("ak"), Digest("join"), Digest("data_card"), Silo()),
        Row(EntryTypes.IdentityRevoked, C, EntryScope.Any, Digest("ik"), Digest("wk"), Digest("ak"), Digest("join"), Digest("data_card"), Silo(), Integer("first_index")),
        Row(EntryTypes.FederationClosed, C, EntryScope.Any, Digest("signatures"), Code("reason")),
        Row(EntryTypes.Access, C, EntryScope.Any, Digest("resource"), Code("operation"), Code("result")),
        Row(EntryTypes.Deploy, C, EntryScope.Any, Digest("image"), Digest("materials"), Digest("code")),
        Row(EntryTypes.Export, C, EntryScope.Any, Digest("bundle"), Code("recipient")),
    ];

    // A silo signs alone only where its signed policy decides; then the entry names that policy.
    private static string? PolicyOfSilo(LogEntry entry) =>
        string.Equals(entry.Actor.Kind, EntryActor.Silo, StringComparison.Ordinal) == entry.Subjects.ContainsKey("policy")
            ? null
            : "the policy hash is given exactly where the silo signs";

    private static string? OneEvaluated(LogEntry entry) =>
        entry.Subjects.ContainsKey("model") != entry.Subjects.ContainsKey("aggregate") ? null : "either a model or an aggregate was evaluated";

    private static string? BudgetScope(LogEntry entry)
    {
        string? code = entry.Fields["code"].Text;
        bool limit = string.Equals(code, "limit", StringComparison.Ordinal);
        if (limit != string.Equals(entry.Actor.Kind, EntryActor.Admin, StringComparison.Ordinal))
        {
            return "limits are signed by the administrator, and nothing else is";
        }

        bool scoped = code switch
        {
            "reserve" or "settle" or "refuse" => entry.Job is not null,
            "charge" => entry.Round is not null,
            _ => true,
        };
        return scoped ? null : "it lacks the job or the round that it is about";
    }

    private static string? RosterOfLogKey(LogEntry entry) =>
        string.Equals(entry.Fields["purpose"].Text, "lk", StringComparison.Ordinal) == entry.Subjects.ContainsKey("roster")
            ? null
            : "the roster's hash is given exactly where the log key changes";

    private static EntrySchema Row(string type, EntrySigners signers, EntryScope scope, params EntryMember[] members) => new(type, signers, scope, [.. members]);

    private static EntryMember Digest(string name) => new(name, EntryMemberKind.Digest);

    private static EntryMember Digests(string name) => new(name, EntryMemberKind.Digests);

    private static EntryMember Integer(string name) => new(name, EntryMemberKind.Integer);

    private static EntryMember Flag(string name) => new(name, EntryMemberKind.Flag);

    private static EntryMember Silo() => new("silo", EntryMemberKind.Silo);

    private static EntryMember Code(string name, params string[] values) => new(name, EntryMemberKind.Code) { Values = [.. values] };

    private static EntryMember Optional(EntryMember member) => member with { IsRequired = false };
}
