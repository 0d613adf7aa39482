// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>The log key through rotation and replacement, and members that join or leave, as an auditor sees it.</summary>
public sealed class LogKeyRotationTests
{
    private readonly LogStory _story = new();
    private readonly AuditPolicy _policy;
    private readonly ECDsa _old;
    private readonly ECDsa _new = AuditFederation.NewKey();
    private int _changed;

    public LogKeyRotationTests()
    {
        _policy = EvidenceVerifierTests.Policy(_story);
        _old = _story.Federation.Log;
    }

    [Fact]
    public async Task Rotation_OldThenBothThenNew_Passes()
    {
        Change(EntryTypes.KeyRotated);
        _story.LogKeys = batch => batch <= _changed ? [_old] : batch == _changed + 1 ? [_old, _new] : [_new];

        Assert.Empty(await Failures());
    }

    [Fact]
    public async Task Replacement_NewAtOnce_Passes()
    {
        Change(EntryTypes.KeyReplaced);
        _story.LogKeys = batch => batch < _changed ? [_old] : [_new];

        Assert.Empty(await Failures());
    }

    [Theory]
    [InlineData(EntryTypes.KeyRotated, "old", "old", "new")]
    [InlineData(EntryTypes.KeyRotated, "old", "new", "new")]
    [InlineData(EntryTypes.KeyRotated, "new", "both", "new")]
    [InlineData(EntryTypes.KeyRotated, "old", "both", "old")]
    [InlineData(EntryTypes.KeyReplaced, "old", "new", "new")]
    [InlineData(EntryTypes.KeyReplaced, "new", "old", "new")]
    public async Task Change_SignedByOtherKeys_FailsV1(string type, string at, string after, string later)
    {
        Change(type);
        _story.LogKeys = batch => batch < _changed ? [_old] : batch == _changed ? Keys(at) : batch == _changed + 1 ? Keys(after) : Keys(later);

        Assert.Equal([("V1", "note_unsigned")], (await Failures()).Distinct());
    }

    [Fact]
    public async Task Rotation_RetiredBeforeSevenDays_Fails()
    {
        Change(EntryTypes.KeyRotated);
        _story.Batches[_changed + 1].Add(Retired());
        _story.LogKeys = batch => batch <= _changed ? [_old] : batch == _changed + 1 ? [_old, _new] : [_new];

        Assert.Equal([("V11", "log_key_change")], await Failures());
    }

    [Fact]
    public async Task Rotation_RetiredAfterSevenDays_Passes()
    {
        Change(EntryTypes.KeyRotated);
        _story.Batches[_changed + 2].Add(Retired());
        _story.LogKeys = batch => batch <= _changed ? [_old] : batch == _changed + 1 ? [_old, _new] : [_new];

        Assert.Empty(await Failures());
    }

    [Fact]
    public async Task Roster_MemberJoins_OldLinesThenNewLines()
    {
        AuditFederation.Member[] before = [.. _story.Federation.Members];
        Roster next = _story.Federation.NextRoster(members => members.Add(new AuditFederation.Member(new("silo-5"))));
        _story.AppendBatch(_story.RosterEntry(next));
        _story.AppendBatch(_story.Access("after"));
        int joined = _story.Batches.Count - 2;

        _story.Witnesses = batch => batch <= joined ? before : _story.Federation.Members;
        Assert.Empty(await Failures());
        _story.Witnesses = batch => batch == joined ? [.. before[..2], _story.Federation.Members[4]] : before;
        Assert.Equal([("V1", "witness_lines_missing")], await Failures());
    }

    [Fact]
    public async Task Roster_TooFewSignatures_FailsV6()
    {
        Roster next = _story.Federation.NextRoster(members => members.Add(new AuditFederation.Member(new("silo-5"))), _story.Federation.Members.Take(2).ToArray());
        _story.AppendBatch(_story.RosterEntry(next));
        _story.Witnesses = _ => _story.Federation.Members;

        (string Check, string Code)[] failures = await Failures();

        Assert.Contains(("V6", "roster_signatures_missing"), failures);
    }

    private ECDsa[] Keys(string which) => which switch
    {
        "old" => [_old],
        "new" => [_new],
        _ => [_old, _new],
    };

    private void Change(string type)
    {
        _story.Federation.Log = _new;
        Roster next = _story.Federation.NextRoster();
        _story.AppendBatch(_story.RosterEntry(next));
        _changed = _story.Batches.Count;
        _story.AppendBatch(_story.C(
            "change",
            type,
            [("old", VerificationKey.Of(_old).Fingerprint), ("new", VerificationKey.Of(_new).Fingerprint), ("roster", next.Digest())],
            [("purpose", EntryField.Of("lk"))]));
        _story.AppendBatch(_story.Access("soon"));
        _story.AppendBatch(_story.Access("later") with { Forge = entry => entry with { Time = "2026-01-09T03:04:05Z" } });
    }

    private StoryEntry Retired() => _story.C("retired", EntryTypes.KeyRetired, [("old", VerificationKey.Of(_old).Fingerprint)], [("purpose", EntryField.Of("lk"))]) with
    {
        Forge = entry => entry with { Time = _story.Batches[_changed + 1].Exists(other => other.Name == "retired") ? entry.Time : "2026-01-09T03:04:05Z" },
    };

    private async Task<(string Check, string Code)[]> Failures() =>
        [.. EvidenceVerifierTests.Failures(await EvidenceVerifier.VerifyAsync(_story.Write(), _policy)).Select(finding => (finding.Check, finding.Code.Name))];
}
