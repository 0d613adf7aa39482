// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>What a dishonest coordinator, silo or administrator could log, signed by the right keys and witnessed: each breaks one check.</summary>
public sealed class StoryMutationTests
{
    private static readonly Dictionary<string, Action<LogStory>> Mutations = new(StringComparer.Ordinal)
    {
        ["V1 witness_lines_missing: t - 1 lines at the end"] = story => story.Witnesses = batch => story.Federation.Members.Take(batch == story.Batches.Count - 1 ? 2 : 4),
        ["V1 witness_lines_missing: t - 1 lines between round_start and masked"] = story => Unwitnessed(story, "start-run-public-1"),
        ["V1 witness_lines_missing: t - 1 lines between agent_started and masked"] = story =>
        {
            story.InsertAfter("reveal-1-3", story.Started(4, continuous: true) with { Name = "again" });
            (StoryEntry start, StoryEntry[] after) = story.Round(LogStory.Public, 2, 3, "public-1", "public-2");
            story.Batches[story.Find("reveal-1-3").Batch].Add(start);
            story.AppendBatch([after[0].WithField("idx", LogStory.Int(4)), .. after[1..]]);
            story.Witnesses = batch => story.Federation.Members.Take(batch >= story.Find("again").Batch && batch < story.Batches.Count - 1 ? 2 : 4);
        },
        ["V1 witness_lines_missing: t - 1 lines on the first checkpoint"] = story => story.Witnesses = batch => story.Federation.Members.Take(batch == 0 ? 2 : 4),
        ["V1 note_unsigned: a checkpoint of another key"] = story => story.LogKeys = batch => [batch == 3 ? AuditFederationKeys.Other : story.Federation.Log],
        ["V5 entry_sequence: a number twice"] = story => story["policy"] = story["policy"] with { Forge = entry => entry with { Seq = 2 } },
        ["V5 entry_malformed: a member too many"] = story => story["last"] = story["last"].WithField("zzz", LogStory.Int(1)),
        ["V5 entry_type_unknown: a type too many"] = story => story["last"] = story["last"] with { Type = "zzz" },
        ["V5 json_not_canonical: a space"] = story => story["last"] = story["last"] with { Spoil = bytes => [(byte)' ', .. bytes] },
        ["V5 body_malformed: stray bits in base64"] = story => story["last"] = story["last"] with { Spoil = StrayBits },
        ["V5 entry_signer: a signer of another type"] = story => story["last"] = story["last"] with { Silo = 1 },
        ["V5 entry_signer: a key that is not the actor's"] = story => story["last"] = story["last"] with { Forge = entry => story.Federation.Resign(entry, story.Federation.Members[0].Identity) },
        ["V5 signature_invalid: a signature of other bytes"] = story => story["last"] = story["last"] with { Forge = entry => entry with { Time = "2026-01-02T03:04:06Z", Dsse = entry.Dsse! with { Sig = [.. entry.Dsse.Sig] } } },
        ["V5 log_closed: an alarm after the end"] = story =>
        {
            story.AppendBatch(story.C("closed", EntryTypes.FederationClosed, [("signatures", AuditFederation.Hash("s"))], [("reason", EntryField.Of("done"))]));
            story.AppendBatch(story.C("alarm", EntryTypes.Alarm, [("evidence_1", AuditFederation.Hash("e"))], [("code", EntryField.Of("late"))]));
        },
        ["V6 roster_missing: entry 0 is no roster"] = story => story.Batches[0].Insert(0, story.Access("early")),
        ["V6 roster_invalid: other numbers"] = story => story["roster-1"] = story["roster-1"].WithField("t", LogStory.Int(4)),
        ["V6 roster_signatures_missing: more signatures counted than made"] = story => story["roster-1"] = story["roster-1"].WithField("signatures", LogStory.Int(5)),
        ["V6 roster_missing: a second roster that nobody signed"] = story => story.AppendBatch(story.RosterEntry(story.Federation.Roster) with { Name = "again" }),
        ["V7 round_evidence: two u3"] = story => story.InsertAfter("u3-run-public-1", story["u3-run-public-1"] with { Name = "again" }),
        ["V7 round_evidence: fewer than t"] = story => story["u3-run-public-1"] = story["u3-run-public-1"].WithField("count", LogStory.Int(2)),
        ["V7 round_evidence: more than masked"] = story => story["u3-run-public-1"] = story["u3-run-public-1"].WithField("count", LogStory.Int(4)),
        ["V7 round_evidence: masked after u3"] = story => Swap(story, "u3-run-public-1", "masked-run-public-1-3"),
        ["V7 round_evidence: masked before round_start"] = story => story.InsertAfter("reveal-1-3", story["masked-run-public-1-1"].WithSubject("rid", AuditFederation.Hash("other"))),
        ["V7 round_evidence: masked twice by one silo"] = story => story["masked-run-public-1-3"] = story["masked-run-public-1-3"].WithField("idx", LogStory.Int(1)),
        ["V7 round_evidence: a silo that is not in the roster"] = story => story["masked-run-public-1-3"] = story["masked-run-public-1-3"].WithField("idx", LogStory.Int(9)),
        ["V7 round_evidence: a result of another u3"] = story => story["result-run-public-1"] = story["result-run-public-1"].WithSubject("u3", AuditFederation.Hash("other")),
        ["V7 round_evidence: a result without u3"] = story => story.Remove("u3-run-public-1"),
        ["V10 V7 round_evidence: two results of one round"] = story => Rerun(story),
        ["V7 round_evidence: a round that falls"] = story => story.AppendBatch(story.Round(LogStory.Private, 1, 3, "private-2", "x").Start with { Name = "falls" }),
        ["V7 round_evidence: a result of another round"] = story => story["result-run-public-1"] = story["result-run-public-1"] with { Round = 2 },
        ["V8 ledger_branch: two entries after one head"] = story => story.AppendBatch(story.Budget("branch", "settle", 1, "head-1-1", "head-1-9", LogStory.Private)),
        ["V8 ledger_gap: an entry after an unknown head"] = story => story.AppendBatch(story.Budget("gap", "settle", 1, "head-1-8", "head-1-9", LogStory.Private)),
        ["V8 charge_missing: no charge for a masked update"] = story =>
        {
            story["charge-2-1"] = story["charge-2-1"].WithField("code", EntryField.Of("settle"));
        },
        ["V8 charge_missing: a charge without reserve"] = story => story["reserve-1"] = story["reserve-1"].WithField("code", EntryField.Of("settle")),
        ["V8 charge_missing: a zero head in a private run"] = story => story["masked-run-private-2-1"] = story["masked-run-private-2-1"].WithSubject("ledger_head", Sha256Digest.Zero),
        ["V8 charge_missing: a head in a run without privacy"] = story => story["masked-run-public-1-2"] = story["masked-run-public-1-2"].WithSubject("ledger_head", AuditFederation.Hash("head-2-3")),
        ["V8 ledger_gap: a head of no ledger"] = story => story["masked-run-private-2-1"] = story["masked-run-private-2-1"].WithSubject("ledger_head", AuditFederation.Hash("other")),
        ["V8 ledger_gap: a head of another silo"] = story => story["masked-run-private-2-1"] = story["masked-run-private-2-1"].WithSubject("ledger_head", AuditFederation.Hash("head-2-3")),
        ["V8 ledger_gap: a head older than before"] = story => story["masked-run-private-2-1"] = story["masked-run-private-2-1"].WithSubject("ledger_head", AuditFederation.Hash("head-1-1")),
        ["V10 model_not_in_chain: the first model is another"] = story => story["submit-public"] = story["submit-public"].WithSubject("initial_model", LogStory.Model("x")),
        ["V10 model_not_in_chain: not the last result's model"] = story => story["result-run-private-1"] = story["result-run-private-1"].WithSubject("new_model", LogStory.Model("x")),
        ["V10 model_not_in_chain: an opened round run again"] = story =>
        {
            story.Remove("result-run-public-1");
            story.AppendBatch(story.Round(LogStory.Public, 2, 3, "public-0", "public-2").Start);
        },
        ["V10 model_not_in_chain: one silo burns in the name of others"] = story => BurnAs(story, signer: 1),
        ["V11 log_key_change: another roster hash"] = story => story.AppendBatch(LogKeyEntry(story, EntryTypes.KeyRotated, AuditFederation.Hash("other"))),
        ["V11 log_key_change: a key that the roster does not name"] = story => story.AppendBatch(LogKeyEntry(story, EntryTypes.KeyRotated, story.Federation.Roster.Digest()).WithSubject("new", AuditFederation.Hash("thief"))),
        ["V11 log_key_change: retired without rotation"] = story => story.AppendBatch(story.C("retired", EntryTypes.KeyRetired, [("old", story.Federation.LogKey.P256!.Fingerprint)], [("purpose", EntryField.Of("lk"))])),
        ["V11 key_change_unknown: a key of no roster"] = story => story.AppendBatch(story.C("replaced", EntryTypes.KeyReplaced, [("old", AuditFederation.Hash("a")), ("new", AuditFederation.Hash("b"))], [("purpose", EntryField.Of("ik"))])),
        ["V12 log_time_backwards: more than 5 minutes"] = story => story["last"] = story["last"] with { Forge = entry => entry with { Time = "2026-01-02T02:59:04Z" } },
        ["V13 V5 disclosure_found: a mail address"] = story => story["last"] = story["last"].WithField("operation", EntryField.Of("someone@hospital.example")),
        ["V14 start_discontinuous: masked in an epoch from before the start"] = story => story.InsertAfter("reserve-3", story.Started(1, continuous: false) with { Name = "restart" }),
        ["V14 round_evidence: a rid of no epoch"] = story => story["epoch-ready"] = story["epoch-ready"].WithSubject("u2", AuditFederation.Hash("other")),
        ["V15 draw_invalid: a reveal that does not fit"] = story => story["reveal-1-1"] = story["reveal-1-1"].WithField("value", EntryField.Of(AuditFederation.Hash("other").Hex)),
        ["V15 draw_invalid: a second commitment"] = story => story.InsertAfter("commit-1-1", story["commit-1-1"] with { Name = "again" }),
        ["V15 draw_invalid: a draw while one is open"] = story =>
        {
            story.Remove("reveal-1-3");
            story.AppendBatch(Commit(story, 2));
        },
        ["V15 draw_invalid: void although all revealed"] = story => story.AppendBatch(Void(story, 1)),
        ["V15 draw_invalid: a fourth draw"] = story =>
        {
            for (int draw = 2; draw <= 4; draw++)
            {
                story.AppendBatch(Commit(story, draw));
                story.AppendBatch(Void(story, draw));
            }
        },
        ["policy image_unexpected: another image"] = story => story["deploy"] = story["deploy"].WithSubject("image", AuditFederation.Hash("other")),
    };

    private static readonly Dictionary<string, Action<LogStory>> Allowed = new(StringComparer.Ordinal)
    {
        ["times 5 minutes back"] = story => story["last"] = story["last"] with { Forge = entry => entry with { Time = "2026-01-02T02:59:05Z" } },
        ["a checkpoint between rounds without lines"] = story => story.Witnesses = batch => story.Federation.Members.Take(batch == story.Find("reveal-1-3").Batch ? 0 : 4),
        ["a third draw"] = story =>
        {
            for (int draw = 2; draw <= 3; draw++)
            {
                story.AppendBatch(Commit(story, draw));
                story.AppendBatch(Void(story, draw));
            }
        },
        ["a retry before anything was opened"] = story =>
        {
            (int batch, int at) = story.Find("u3-run-public-1");
            story.Batches[batch].RemoveRange(at, 2);
            Rerun(story);
        },
        ["a later round from one model, burned by enough members"] = story =>
        {
            story.Remove("result-run-public-1");
            Sha256Digest rid = LogStory.RidOf(story["start-run-public-1"]);
            story.AppendBatch([.. Enumerable.Range(1, 3).Select(idx => new StoryEntry($"burned-{idx}", EntryTypes.Burned, idx, [("rid", rid), ("burned", AuditFederation.Hash("b"))], [("idx", LogStory.Int(idx))], LogStory.Public, 1))]);
            story.AppendBatch(story.Round(LogStory.Public, 2, 3, "public-0", "public-2").Start);
        },
        ["a silo that burns a slot of no round"] = story =>
            story.AppendBatch(new StoryEntry("burned", EntryTypes.Burned, 1, [("rid", AuditFederation.Hash("none")), ("burned", AuditFederation.Hash("b"))], [("idx", LogStory.Int(1))], LogStory.Public, 1)),
        ["a continuous start in an open epoch"] = story => story.InsertAfter("reserve-3", story.Started(1, continuous: true) with { Name = "restart" }),
        ["a rollback"] = story =>
        {
            story.AppendBatch(story.C("back", EntryTypes.ModelRolledBack, [("model", LogStory.Model("private-1")), ("rollback", AuditFederation.Hash("r"))], [("version", LogStory.Int(1)), ("first_round", LogStory.Int(3))], LogStory.Private));
            story.AppendBatch(story.Round(LogStory.Private, 3, 4, "private-1", "x").Start);
        },
    };

    private static void BurnAs(LogStory story, int signer)
    {
        story.Remove("result-run-public-1");
        Sha256Digest rid = LogStory.RidOf(story["start-run-public-1"]);
        story.AppendBatch([.. Enumerable.Range(1, 3).Select(idx => new StoryEntry($"burned-{idx}", EntryTypes.Burned, signer, [("rid", rid), ("burned", AuditFederation.Hash("b"))], [("idx", LogStory.Int(idx))], LogStory.Public, 1))]);
        story.AppendBatch(story.Round(LogStory.Public, 2, 3, "public-0", "public-2").Start);
    }

    public static TheoryData<string> Names => [.. Mutations.Keys];

    public static TheoryData<string> AllowedNames => [.. Allowed.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Verify_OneRuleBroken_FailsThatCheckOnly(string name)
    {
        LogStory story = new();
        AuditPolicy policy = EvidenceVerifierTests.Policy(story);
        Mutations[name](story);

        VerificationReport report = await EvidenceVerifier.VerifyAsync(story.Write(), policy);

        string[] words = name[..name.IndexOf(':', StringComparison.Ordinal)].Split(' ');
        string failures = string.Join('\n', EvidenceVerifierTests.Failures(report).Select(finding => finding.ToJson()));
        Assert.True(words[..^1].Order(StringComparer.Ordinal).SequenceEqual(EvidenceVerifierTests.Failures(report).Select(finding => finding.Check).Distinct().Order(StringComparer.Ordinal)), failures);
        Assert.True(report.Findings.Any(finding => finding.Code.Name == words[^1]), failures);
        Assert.Equal(Protocol.Errors.ExitCode.VerificationFailed, report.Exit);
    }

    [Theory]
    [MemberData(nameof(AllowedNames))]
    public async Task Verify_WhatTheRulesAllow_Passes(string name)
    {
        LogStory story = new();
        AuditPolicy policy = EvidenceVerifierTests.Policy(story);
        Allowed[name](story);

        VerificationReport report = await EvidenceVerifier.VerifyAsync(story.Write(), policy);

        Assert.Empty(EvidenceVerifierTests.Failures(report).Select(finding => finding.ToJson()));
    }

    private static void Unwitnessed(LogStory story, string name)
    {
        int silent = story.Find(name).Batch;
        story.Witnesses = batch => story.Federation.Members.Take(batch == silent ? 2 : 4);
    }

    private static void Swap(LogStory story, string one, string other)
    {
        StoryEntry first = story[one];
        (int batch, int at) = story.Find(other);
        story[one] = story[other];
        story.Batches[batch][at] = first;
    }

    private static void Rerun(LogStory story)
    {
        (StoryEntry start, StoryEntry[] after) = story.Round(LogStory.Public, 1, 5, "public-0", "public-x");
        story.AppendBatch(start with { Name = "rerun" });
        story.AppendBatch([.. after.Select(entry => entry with { Name = "rerun-" + entry.Name })]);
    }

    private static StoryEntry LogKeyEntry(LogStory story, string type, Sha256Digest roster) =>
        story.C("lk", type, [("old", story.Federation.LogKey.P256!.Fingerprint), ("new", story.Federation.LogKey.P256!.Fingerprint), ("roster", roster)], [("purpose", EntryField.Of("lk"))]);

    private static StoryEntry Commit(LogStory story, int draw) =>
        new($"commit-{draw}", EntryTypes.BeaconCommit, 1, [("commitment", AuditFederation.Hash($"{draw}"))], [("draw", LogStory.Int(draw)), ("idx", LogStory.Int(1))]);

    private static StoryEntry Void(LogStory story, int draw) =>
        story.C($"void-{draw}", EntryTypes.BeaconVoid, [], [("draw", LogStory.Int(draw)), ("missing", EntryField.Of("1"))]);

    private static byte[] StrayBits(byte[] bytes)
    {
        const string Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        string text = Encoding.UTF8.GetString(bytes);
        int at = text.LastIndexOf("==", StringComparison.Ordinal) - 1;
        return Encoding.UTF8.GetBytes(text[..at] + Digits[Digits.IndexOf(text[at], StringComparison.Ordinal) + 1] + text[(at + 1)..]);
    }

    private static class AuditFederationKeys
    {
        public static System.Security.Cryptography.ECDsa Other { get; } = AuditFederation.NewKey();
    }
}
