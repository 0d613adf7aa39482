// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.SiloAgent.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Audit;

public sealed class LogWitnessTests : IDisposable
{
    private readonly AuditedSilo _silo = new();

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task Follow_NoLogOrNoContainer_IsNothing()
    {
        Assert.IsType<LogLook.Nothing>(await FollowAsync(_silo.View()));
        Assert.IsType<LogLook.Nothing>(await _silo.View().FollowAsync([], CancellationToken.None));
        Assert.Empty(await _silo.TakeSentAsync());
    }

    [Fact]
    public async Task Follow_FirstStart_SendsALineThatTheWriterTakes()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());

        LogLook look = await FollowAsync(_silo.View());

        Assert.Equal(1, Assert.IsType<LogLook.Accepted>(look).Size);
        Frame frame = Assert.Single(await _silo.TakeSentAsync());
        Assert.Equal("witness_line", frame.Type);
        Assert.True(frame.Envelopes[0].IsSignedBy(Protocol.Signing.VerificationKey.Of(_silo.Federation.Members[0].Identity)));
        WitnessLineBody body = Jcs.Parse(frame.Envelopes[0].Payload, WitnessLineJson.Default.WitnessLineBody, "line");
        SealedCheckpoint archived = Archived();
        Assert.Equal((1, archived.Checkpoint.Root.ToDigest()), (body.Size, body.Root));
        NoteKey key = _silo.Federation.Members[0].WitnessKey;
        WitnessLine.Accept(archived, body.SiloId, key, new NoteSignature(key.Name, key.Id, Convert.FromBase64String(body.Signature)));
        Assert.Equal(1, StateSize());
    }

    [Fact]
    public async Task Follow_SameCheckpoint_IsSignedOnceAStart()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        BlobLogView view = _silo.View();
        await FollowAsync(view);
        await FollowAsync(view);
        Assert.Single(await _silo.TakeSentAsync());

        await FollowAsync(_silo.View());

        Assert.Single(await _silo.TakeSentAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    public async Task Follow_Growth_IsProvedAndSigned(int entries)
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        BlobLogView view = _silo.View();
        await FollowAsync(view);

        await _silo.GrowAsync(entries);

        Assert.Equal(1 + entries, Assert.IsType<LogLook.Accepted>(await FollowAsync(view)).Size);
        Assert.Equal(1 + entries, StateSize());
        Assert.Equal(2, (await _silo.TakeSentAsync()).Count);
    }

    [Fact]
    public async Task Follow_LineNotSent_IsRememberedAndSentLater()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        BlobLogView view = new(_silo.Store, _silo.Home, new Messaging.CoordinatorPost(new BlobMailbox(new Simulation.Tests.Whole.MemoryBlobStore(_silo.Time), MailboxNames.Coordinator, _silo.Time), _silo.Time, bell: null));

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => FollowAsync(view));

        Assert.Equal(ErrorCodes.ContainerMissing, error.Code);
        Assert.Equal(1, StateSize());
        await FollowAsync(_silo.View());
        Assert.Single(await _silo.TakeSentAsync());
    }

    [Fact]
    public async Task Follow_Fork_IsRefusedWithBothNotesAsEvidence()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry(), _silo.Federation.Access("one"));
        BlobLogView view = _silo.View();
        await FollowAsync(view);
        await _silo.TakeSentAsync();
        byte[] kept = _silo.Log.Head[LogPaths.Head];
        await ForkAsync("two");

        LogLook.Refused refused = Assert.IsType<LogLook.Refused>(await FollowAsync(view));

        Assert.Equal(ErrorCodes.LogFork, refused.Code);
        Assert.Equal<Sha256Digest>([Sha256Digest.Of(kept), Sha256Digest.Of(_silo.Log.Head[LogPaths.Head])], refused.Evidence);
        Assert.All(refused.Evidence, hash => Assert.Equal(hash, Sha256Digest.Of(File.ReadAllBytes(_silo.Home.EvidencePath(hash)))));
        Assert.Empty(await _silo.TakeSentAsync());
        Assert.Equal(kept, WitnessState.TryParse(File.ReadAllBytes(_silo.Home.WitnessStatePath))!.Signed.ToBytes());
    }

    [Fact]
    public async Task Follow_GrownForkOrOlderHead_IsRefused()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry(), _silo.Federation.Access("one"));
        byte[] old = _silo.Log.Head[LogPaths.Head];
        await _silo.GrowAsync(3);
        BlobLogView view = _silo.View();
        await FollowAsync(view);

        await _silo.PutAsync("log-head", LogPaths.Head, old);
        Assert.Equal(ErrorCodes.CheckpointOlder, Assert.IsType<LogLook.Refused>(await FollowAsync(view)).Code);
        await ForkAsync("two", "three", "four", "five", "six", "seven");
        Assert.Equal(ErrorCodes.ConsistencyFailed, Assert.IsType<LogLook.Refused>(await FollowAsync(view)).Code);
    }

    [Fact]
    public async Task Follow_AnotherFirstRoster_IsRefused()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        _silo.Rosters = [_silo.Rosters[0] with { Policy = _silo.Rosters[0].Policy.Add("a", "b") }];

        Assert.Equal(ErrorCodes.LogFork, Assert.IsType<LogLook.Refused>(await FollowAsync(_silo.View())).Code);
        Assert.False(File.Exists(_silo.Home.WitnessStatePath));
    }

    [Fact]
    public async Task Follow_AnotherKey_CountsWhenTheLogSaysSoAndThenAlone()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        BlobLogView view = _silo.View();
        await FollowAsync(view);
        (NoteKey old, ECDsa lost) = (_silo.Federation.LogKey, _silo.Federation.Log);
        _silo.Federation.Log = AuditFederation.NewKey();
        _silo.Log.Signers[0] = (_silo.Federation.LogKey, _silo.Federation.Log);
        await _silo.GrowAsync(1);
        await NotFollowedAsync(view);

        // The roster alone is not the log's word.
        _silo.Rosters = [.. _silo.Rosters, _silo.Federation.NextRoster()];
        await NotFollowedAsync(view);
        Assert.Equal(1, StateSize());

        await _silo.WriteAsync(_silo.Federation.RosterEntry(), _silo.Federation.Coordinator(
            EntryTypes.KeyReplaced,
            [("old", old.P256!.Fingerprint), ("new", _silo.Federation.LogKey.P256!.Fingerprint), ("roster", _silo.Rosters[^1].Digest())],
            [("purpose", EntryField.Of(LogKeyChange.Purpose))]));
        Assert.Equal(4, Assert.IsType<LogLook.Accepted>(await FollowAsync(view)).Size);

        // Who stole the old key signs nothing more with it.
        _silo.Log.Signers[0] = (old, lost);
        await _silo.GrowAsync(1);
        await NotFollowedAsync(view);
    }

    private async Task NotFollowedAsync(BlobLogView view) =>
        Assert.Equal(ErrorCodes.NoteUnsigned, (await Assert.ThrowsAsync<FedCloudException>(() => FollowAsync(view))).Code);

    [Fact]
    public async Task Follow_LostState_BeginsFromAllEntries()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        await _silo.GrowAsync(300);
        await FollowAsync(_silo.View());
        File.Delete(_silo.Home.WitnessStatePath);
        _silo.Store.Tamper("log", new BundleCoordinate(0, HashTile.FullWidth).Path, bytes => Change(bytes));

        Assert.Equal(ErrorCodes.RootMismatch, Assert.IsType<LogLook.Refused>(await FollowAsync(_silo.View())).Code);
        await _silo.PublishAsync();
        Assert.Equal(301, Assert.IsType<LogLook.Accepted>(await FollowAsync(_silo.View())).Size);
    }

    [Fact]
    public async Task Follow_MissingTile_IsTriedAgain()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        BlobLogView view = _silo.View();
        await FollowAsync(view);
        await _silo.GrowAsync(4);
        string tile = TileLayout.ForConsistency(1, 5).First().Path;
        await _silo.DeleteAsync("log", tile);

        Assert.Equal(ErrorCodes.LogFileMissing, (await Assert.ThrowsAsync<FedCloudException>(() => FollowAsync(view))).Code);
        await _silo.PublishAsync();
        Assert.IsType<LogLook.Accepted>(await FollowAsync(view));
    }

    private Task<LogLook> FollowAsync(BlobLogView view) => view.FollowAsync(_silo.Rosters, CancellationToken.None);

    // Another history with the same beginning, signed by the same key.
    private async Task ForkAsync(params string[] operations)
    {
        _silo.Federation.ResetNumbers();
        _silo.Log = new MemoryLog(_silo.Federation);
        await _silo.WriteAsync([_silo.Federation.RosterEntry(), .. operations.Select(_silo.Federation.Access)]);
    }

    private SealedCheckpoint Archived()
    {
        SignedNote note = SignedNote.Parse(_silo.Log.Log[LogPaths.Archive(_silo.Log.Size)]);
        return new SealedCheckpoint(note, Checkpoint.Parse(note.Text));
    }

    private long StateSize() => Checkpoint.Parse(WitnessState.TryParse(File.ReadAllBytes(_silo.Home.WitnessStatePath))!.Signed.Text).Size;

    private static byte[] Change(byte[] bytes) => [.. bytes[..^1], (byte)(bytes[^1] ^ 1)];
}
