// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.Canonical;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class LogEntryTests
{
    private static readonly ECDsa Key = AuditFederation.NewKey();

    public static TheoryData<string> Types => [.. EntrySchema.All.Select(schema => schema.Type)];

    [Fact]
    public void Table_Types_AreTheSpecifications()
    {
        Assert.Equal(
            "access agent_started alarm beacon_commit beacon_reveal beacon_void budget burned channel_moved deploy epoch_abandoned epoch_open epoch_ready export federation_closed gate identity_enrolled identity_revoked kek_current key_replaced key_retired key_rotated masked model_released model_rolled_back plan_approved plan_refused plan_submitted policy result roster round_failed round_start silo_invited u3",
            string.Join(' ', EntrySchema.All.Select(schema => schema.Type)));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Entry_EachType_RoundTripsAndIsSigned(string type)
    {
        LogEntry entry = Example(type);

        LogEntry read = LogEntry.Parse(entry.ToBytes());

        Assert.Equal(entry.ToBytes(), read.ToBytes());
        Assert.Equal(entry.Identity, read.Identity);
        Assert.True(read.IsSignedBy(VerificationKey.Of(Key)));
        Assert.False(read.IsSignedBy(VerificationKey.Of(AuditFederation.NewKey())));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Entry_MemberMissingOrUnknown_IsRefused(string type)
    {
        LogEntry entry = Example(type);
        EntrySchema schema = EntrySchema.Of(type);

        foreach (EntryMember member in schema.Members.Where(member => member.IsRequired))
        {
            string subject = member.Kind == EntryMemberKind.Digests ? member.Name + "_1" : member.Name;
            AssertRefused(ErrorCodes.EntryMalformed, entry with { Subjects = entry.Subjects.Remove(subject), Fields = entry.Fields.Remove(member.Name) });
        }

        AssertRefused(ErrorCodes.EntryMalformed, entry with { Subjects = entry.Subjects.Add("zzz", Sha256Digest.Zero) });
        AssertRefused(ErrorCodes.EntryMalformed, entry with { Fields = entry.Fields.Add("zzz", EntryField.Of(1)) });
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Entry_FieldOfAnotherKind_IsRefused(string type)
    {
        LogEntry entry = Example(type);
        EntryField[] values = [EntryField.Of(-1), EntryField.Of(7), EntryField.Of(true), EntryField.Of(""), EntryField.Of("No Code"), EntryField.Of("x@y.example"), EntryField.Of(new string('x', 201))];

        foreach (EntryMember member in EntrySchema.Of(type).Members.Where(member => !member.IsSubject))
        {
            int refused = values.Count(value => Record.Exception(() => Resigned(entry with { Fields = entry.Fields.SetItem(member.Name, value) })) is FedCloudException { Code.Name: "entry_malformed" });
            Assert.True(refused >= 5, $"{member.Name}: {refused}");
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Entry_WrongSignerForItsType_IsRefused(string type)
    {
        LogEntry entry = Example(type);
        EntrySchema schema = EntrySchema.Of(type);
        (EntrySigners Signer, EntryActor Actor)[] actors =
        [
            (EntrySigners.Coordinator, entry.Actor with { Kind = "coordinator", Id = "coordinator" }),
            (EntrySigners.Silo, entry.Actor with { Kind = "silo", Id = "silo-1" }),
            (EntrySigners.Admin, entry.Actor with { Kind = "admin", Id = "silo-1" }),
        ];

        Assert.All(actors.Where(actor => !schema.Signers.HasFlag(actor.Signer)), actor => AssertRefused(ErrorCodes.EntrySigner, entry with { Actor = actor.Actor }));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Entry_ScopeMissing_IsRefused(string type)
    {
        LogEntry entry = Example(type);

        if (EntrySchema.Of(type).Scope != EntryScope.Any)
        {
            AssertRefused(ErrorCodes.EntryMalformed, entry with { Job = null, Round = null });
        }

        if (EntrySchema.Of(type).Scope == EntryScope.Round)
        {
            AssertRefused(ErrorCodes.EntryMalformed, entry with { Round = null });
        }

        AssertRefused(ErrorCodes.EntryMalformed, entry with { Job = null, Round = 1 });
    }

    [Fact]
    public void Entry_RulesOfItsType_AreChecked()
    {
        LogEntry approved = Example(EntryTypes.PlanApproved);
        LogEntry silo = approved with { Actor = approved.Actor with { Kind = "silo" } };
        Resigned(silo with { Subjects = silo.Subjects.Add("policy", Sha256Digest.Zero) });
        AssertRefused(ErrorCodes.EntryMalformed, silo);
        AssertRefused(ErrorCodes.EntryMalformed, approved with { Subjects = approved.Subjects.Add("policy", Sha256Digest.Zero) });

        LogEntry gate = Example(EntryTypes.Gate);
        AssertRefused(ErrorCodes.EntryMalformed, gate with { Subjects = gate.Subjects.Add("aggregate", Sha256Digest.Zero) });
        AssertRefused(ErrorCodes.EntryMalformed, gate with { Subjects = ImmutableSortedDictionary<string, Sha256Digest>.Empty });

        LogEntry budget = Example(EntryTypes.Budget);
        Resigned(budget with { Actor = budget.Actor with { Kind = "admin" }, Fields = budget.Fields.SetItem("code", EntryField.Of("limit")) });
        AssertRefused(ErrorCodes.EntryMalformed, budget with { Fields = budget.Fields.SetItem("code", EntryField.Of("limit")) });
        AssertRefused(ErrorCodes.EntryMalformed, budget with { Actor = budget.Actor with { Kind = "admin" } });
        AssertRefused(ErrorCodes.EntryMalformed, budget with { Job = null, Round = null });
        AssertRefused(ErrorCodes.EntryMalformed, budget with { Round = null, Fields = budget.Fields.SetItem("code", EntryField.Of("charge")) });
        AssertRefused(ErrorCodes.EntryMalformed, budget with { Fields = budget.Fields.SetItem("code", EntryField.Of("spend")) });

        LogEntry rotated = Example(EntryTypes.KeyRotated);
        AssertRefused(ErrorCodes.EntryMalformed, rotated with { Fields = rotated.Fields.SetItem("purpose", EntryField.Of("lk")) });
        Resigned(rotated with { Fields = rotated.Fields.SetItem("purpose", EntryField.Of("lk")), Subjects = rotated.Subjects.Add("roster", Sha256Digest.Zero) });

        LogEntry alarm = Example(EntryTypes.Alarm);
        Resigned(alarm with { Subjects = alarm.Subjects.Add("evidence_2", Sha256Digest.Zero) });
        AssertRefused(ErrorCodes.EntryMalformed, alarm with { Subjects = alarm.Subjects.Add("evidence_3", Sha256Digest.Zero) });
        AssertRefused(ErrorCodes.EntryMalformed, alarm with { Subjects = alarm.Subjects.Add("evidence_01", Sha256Digest.Zero) });

        LogEntry beacon = Example(EntryTypes.BeaconVoid);
        Resigned(beacon with { Fields = beacon.Fields.SetItem("missing", EntryField.Of("1,3,255")) });
        Assert.All(new[] { "3,1", "1,1", "0", "256", "1,", "" }, text => AssertRefused(ErrorCodes.EntryMalformed, beacon with { Fields = beacon.Fields.SetItem("missing", EntryField.Of(text)) }));
    }

    [Fact]
    public void Entry_CommonMembers_AreChecked()
    {
        LogEntry entry = Example(EntryTypes.Access);

        AssertRefused(ErrorCodes.EntryTypeUnknown, entry with { Type = "zzz" });
        AssertRefused(ErrorCodes.EntryMalformed, entry with { V = 2 });
        AssertRefused(ErrorCodes.EntryMalformed, entry with { Seq = 0 });
        AssertRefused(ErrorCodes.EntryMalformed, entry with { Job = new RunId("run-1"), Round = -1 });
        Assert.All(
            new[] { "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05.0Z", "2026-01-02 03:04:05Z", "2026-02-30T03:04:05Z", "2026-01-02T03:04:60Z", "2026-1-2T03:04:05Z", "" },
            time => AssertRefused(ErrorCodes.EntryMalformed, entry with { Time = time }));
        Assert.All(
            new[] { entry.Actor with { Kind = "operator" }, entry.Actor with { Id = "silo-1" }, entry.Actor with { Kind = "silo", Id = "A" } },
            actor => AssertRefused(ErrorCodes.EntryMalformed, entry with { Actor = actor }));
        LogEntry signed = entry.Sign(Key);
        Assert.All(
            new[] { signed.Dsse! with { PayloadType = "application/json" }, signed.Dsse! with { KeyId = Sha256Digest.Zero }, signed.Dsse! with { Sig = new byte[63] }, null },
            dsse => Assert.Equal(ErrorCodes.EntryMalformed, Assert.Throws<FedCloudException>(() => LogEntry.Parse((signed with { Dsse = dsse }).ToBytes())).Code));
    }

    [Fact]
    public void T22_Entry_AnyPlaceSpoiled_IsRefusedOrDoesNotVerify()
    {
        foreach (string type in new[] { EntryTypes.RoundStart, EntryTypes.Alarm, EntryTypes.AgentStarted })
        {
            byte[] whole = Example(type).ToBytes();
            int refused = 0;
            foreach (byte[] spoiled in JsonMutations.Of(whole))
            {
                byte[] bytes = spoiled;
                LogEntry? read = null;
                Exception? error = Record.Exception(() => bytes = Jcs.Canonicalize(spoiled)) ?? Record.Exception(() => read = LogEntry.Parse(bytes));
                if (bytes.AsSpan().SequenceEqual(whole))
                {
                    continue;
                }

                Assert.True(error is null or FedCloudException, $"{error?.GetType().Name} for {Encoding.UTF8.GetString(spoiled)}");
                Assert.True(error is null || (error.Message.Length < 500 && error.Message.All(c => c is >= ' ' and <= '~' or '…')), error?.Message);
                Assert.False(read?.IsSignedBy(VerificationKey.Of(Key)) ?? false, Encoding.UTF8.GetString(spoiled));
                refused++;
            }

            Assert.True(refused > 200, $"only {refused} spoiled");
        }
    }

    [Fact]
    public void T22_Entry_OtherSpelling_IsRefused()
    {
        string text = Encoding.UTF8.GetString(Example(EntryTypes.Access).ToBytes());
        string sig = text[(text.IndexOf("\"sig\":\"", StringComparison.Ordinal) + 7)..text.LastIndexOf("==", StringComparison.Ordinal)];
        char stray = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".IndexOf(sig[^1]) + 1];
        string[] others =
        [
            " " + text,
            text.Replace("\"seq\":1", "\"seq\":1.0", StringComparison.Ordinal),
            text.Replace("\"seq\":1", "\"seq\":1,\"seq\":1", StringComparison.Ordinal),
            text.Replace("access", "\\u0061ccess", StringComparison.Ordinal),
            text.Replace(sig + "==", sig[..^1] + stray + "==", StringComparison.Ordinal),
            text.Replace(sig + "==", sig, StringComparison.Ordinal),
        ];

        LogEntry.Parse(Encoding.UTF8.GetBytes(text));
        Assert.All(others, other =>
        {
            Assert.NotEqual(text, other);
            Assert.IsType<FedCloudException>(Record.Exception(() => LogEntry.Parse(Encoding.UTF8.GetBytes(other))));
        });
    }

    [Fact]
    public void Entry_LargestSize_PassesAndOneByteMoreDoesNot()
    {
        LogEntry entry = Example(EntryTypes.Alarm);
        entry = entry with { Actor = entry.Actor with { Kind = "silo", Id = "silo-1" } };
        ImmutableSortedDictionary<string, Sha256Digest>.Builder evidence = ImmutableSortedDictionary.CreateBuilder<string, Sha256Digest>(StringComparer.Ordinal);
        while (Size(entry with { Subjects = evidence.ToImmutable() }) < EntryBundle.MaxEntryBytes - 100)
        {
            evidence.Add($"evidence_{evidence.Count + 1}", Sha256Digest.Zero);
        }

        entry = entry with { Subjects = evidence.ToImmutable(), Job = new RunId("run-1") };
        int missing = EntryBundle.MaxEntryBytes - Size(entry);
        LogEntry padded = entry with
        {
            Job = new RunId("run-1" + new string('r', Math.Min(missing, 35))),
            Fields = entry.Fields.SetItem("code", EntryField.Of("code_1" + new string('c', Math.Clamp(missing - 35, 0, 34)))),
            Actor = entry.Actor with { Id = "silo-1" + new string('s', Math.Max(missing - 69, 0)) },
        };
        byte[] largest = padded.Sign(Key).ToBytes();
        Assert.Equal(EntryBundle.MaxEntryBytes, largest.Length);
        LogEntry.Parse(largest);
        LogEntry larger = padded with { Seq = 10 };
        Assert.Equal(ErrorCodes.EntryTooLarge, Assert.Throws<FedCloudException>(() => larger.Sign(Key).ToBytes()).Code);
        Assert.Equal(ErrorCodes.EntryTooLarge, Assert.Throws<FedCloudException>(() => LogEntry.Parse([.. largest, (byte)' '])).Code);
        Assert.Equal(ErrorCodes.EntryTooLarge, Assert.Throws<FedCloudException>(() => LogEntry.Parse([])).Code);
    }

    [Theory]
    [InlineData("{\"a\":\"someone@hospital.example\"}", "a")]
    [InlineData("{\"a\":{\"b\":[\"x\",\"someone@hospital.example\"]}}", "a.b.b")]
    [InlineData("{\"a\":\"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGk=\"}", "a")]
    [InlineData("{\"kid\":\"someone@hospital.example\"}", "kid")]
    [InlineData("{\"kid\":\"https://v.example/keys/kek/0123456789abcdef0123456789abcdef\"}", null)]
    [InlineData("{\"dsse\":{\"sig\":\"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGk=\"}}", null)]
    [InlineData("{\"a\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}", null)]
    [InlineData("{\"a\":\"a-run-id-of-forty-characters-0123456789ab\"}", null)]
    [InlineData("{\"a\":", null)]
    public void Disclosure_Patterns_AreFound(string json, string? path)
    {
        Assert.Equal(path, DisclosurePattern.Find(Encoding.UTF8.GetBytes(json)));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Disclosure_ValidEntries_HaveNone(string type)
    {
        Assert.Null(DisclosurePattern.Find(Example(type).ToBytes()));
    }

    private static int Size(LogEntry entry) => entry.WithSignature(new byte[64]).ToBytes().Length;

    private static LogEntry Resigned(LogEntry entry) => LogEntry.Parse((entry with { Dsse = null }).Sign(Key).ToBytes());

    private static void AssertRefused(ErrorCode code, LogEntry entry) => Assert.Equal(code, Assert.Throws<FedCloudException>(() => Resigned(entry)).Code);

    private static LogEntry Example(string type)
    {
        EntrySchema schema = EntrySchema.Of(type);
        string kind = schema.Signers.HasFlag(EntrySigners.Coordinator) ? "coordinator" : schema.Signers.HasFlag(EntrySigners.Admin) && type != EntryTypes.Budget ? "admin" : "silo";
        EntryMember[] members = [.. schema.Members.Where(member => member.IsRequired || (type == EntryTypes.Gate && member.Name == "model"))];
        return new LogEntry
        {
            V = 1,
            Type = type,
            Time = "2026-01-02T03:04:05Z",
            Actor = new EntryActor { Kind = kind, Id = kind == "coordinator" ? kind : "silo-1", KeyId = VerificationKey.Of(Key).Fingerprint },
            Federation = new FederationId("test-federation"),
            Job = schema.Scope == EntryScope.Any && type != EntryTypes.Budget ? null : new RunId("run-1"),
            Round = schema.Scope == EntryScope.Round ? 1 : null,
            Subjects = members.Where(member => member.IsSubject).ToImmutableSortedDictionary(member => member.Kind == EntryMemberKind.Digests ? member.Name + "_1" : member.Name, member => AuditFederation.Hash(member.Name), StringComparer.Ordinal),
            Fields = members.Where(member => !member.IsSubject).ToImmutableSortedDictionary(member => member.Name, Value, StringComparer.Ordinal),
            Seq = 1,
        }.Sign(Key);
    }

    private static EntryField Value(EntryMember member) => member.Kind switch
    {
        EntryMemberKind.Integer => EntryField.Of(3),
        EntryMemberKind.Flag => EntryField.Of(true),
        EntryMemberKind.Silo => EntryField.Of("silo-1"),
        EntryMemberKind.KeyIdentifier => EntryField.Of("file:update-kek/3"),
        EntryMemberKind.Reveal => EntryField.Of(new string('a', 64)),
        EntryMemberKind.Indexes => EntryField.Of("1,2"),
        _ => EntryField.Of(member.Values.IsEmpty ? "code_1" : member.Values[0]),
    };
}
