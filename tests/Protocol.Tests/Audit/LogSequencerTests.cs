// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class LogSequencerTests
{
    [Fact]
    public void T35_Writer_KilledAfterAnyWriteAndOfferedOtherEntriesFirst_WritesOneHistory()
    {
        AuditFederation federation = new(3);
        LogEntry[] entries = [federation.RosterEntry(), .. Enumerable.Range(0, 24).Select(i => i % 3 == 0 ? federation.Access($"read_{i}") : federation.Alarm((i % 3) + 1, $"alarm_{i}"))];
        Arbitrary<int[]> plans = Gen.Choose(0, 1 << 20).ArrayOf(12).ToArbitrary();
        int kills = 0;
        Prop.ForAll(plans, plan =>
        {
            MemoryLog log = new(federation);
            log.WriteAll([entries[0]]);
            Random order = new(plan[0]);
            for (int i = 1; i < plan.Length; i++)
            {
                // Doubled, late, reordered, and only some of them; then killed at some write.
                LogEntry[] offered = [.. entries.Concat(entries).Where(_ => order.Next(8) == 0).OrderBy(_ => order.Next())];
                log.KillAfter = plan[i] % 12 == 0 ? null : plan[i] % 12;
                kills += Record.Exception(() => log.WriteBatch(offered)) is MemoryLog.KilledException ? 1 : 0;
            }

            log.KillAfter = null;
            log.WriteAll(entries);
            return IsWhole(log, entries);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(40));
        Assert.True(kills > 40, $"only {kills} kills");
    }

    [Fact]
    public void T35_Writer_KilledAfterEachWriteInTurn_ReplaysTheRecord()
    {
        AuditFederation federation = new(3);
        LogEntry roster = federation.RosterEntry();
        LogEntry one = federation.Alarm(1, "one");
        LogEntry two = federation.Alarm(2, "two");
        for (int kill = 1; kill <= 6; kill++)
        {
            MemoryLog log = new(federation);
            log.WriteAll([roster]);
            log.KillAfter = kill;
            bool killed = Record.Exception(() => log.WriteBatch([one])) is MemoryLog.KilledException;

            log.KillAfter = null;
            log.WriteBatch([two]);
            log.WriteAll([two, one]);

            Assert.Equal(kill <= 5, killed);
            string[] types = [.. log.Entries().Select(entry => entry.Fields.TryGetValue("code", out EntryField code) ? code.Text! : entry.Type)];
            Assert.Equal(["roster", "one", "two"], types);
            Assert.True(IsWhole(log, [roster, one, two]));
        }
    }

    [Fact]
    public void Writers_Two_OnlyOneHistoryIsSigned()
    {
        AuditFederation federation = new(3);
        MemoryLog log = new(federation);
        log.WriteAll([federation.RosterEntry()]);
        LogState stale = log.ReadState(log.Size);
        LogEntry one = federation.Alarm(1, "one");
        log.WriteBatch([one]);

        // The record of the first writer decides; without it, the second meets another file and stops.
        Assert.True(log.WriteBatch(stale, [federation.Alarm(2, "two")]));
        log.Head.Remove(LogPaths.Batch(stale.Size));
        Exception? error = Record.Exception(() => log.WriteBatch(stale, [federation.Alarm(3, "three")]));

        Assert.Equal(ErrorCodes.LogConflict, Assert.IsType<FedCloudException>(error).Code);
        Assert.Equal(2, log.Size);
    }

    [Fact]
    public void Prepare_AnotherCheckpointThanTheLastSigned_SignsNothing()
    {
        AuditFederation federation = new(3);
        MemoryLog log = new(federation);
        log.WriteAll([federation.RosterEntry()]);
        LogState state = log.ReadState(1);
        LogStep step = LogSequencer.Step(state, [federation.Alarm(1, "one").ToBytes()]);

        Assert.Equal(2, step.Prepare(state.Checkpoint).Checkpoint.Size);
        AssertRefused(ErrorCodes.ConsistencyFailed, () => step.Prepare(null));
        AssertRefused(ErrorCodes.ConsistencyFailed, () => step.Prepare(state.Checkpoint with { Root = default }));
        AssertRefused(ErrorCodes.ConsistencyFailed, () => step.Prepare(step.After.Checkpoint));
        AssertRefused(ErrorCodes.CheckpointOrigin, () => step.Prepare(state.Checkpoint with { Origin = "other" }));
    }

    [Fact]
    public void Seal_SignatureOfAnotherKeyOrText_IsRefused()
    {
        AuditFederation federation = new(3);
        LogStep step = LogSequencer.Step(LogState.Empty(AuditFederation.Origin), [federation.RosterEntry().ToBytes()]);
        using ECDsa other = AuditFederation.NewKey();
        (_, byte[] digest) = step.Prepare(null);

        AssertRefused(ErrorCodes.NoteSignatureInvalid, () => step.Seal((federation.LogKey, other.SignHash(digest))));
        AssertRefused(ErrorCodes.NoteSignatureInvalid, () => step.Seal((federation.LogKey, federation.Log.SignHash(new byte[32]))));
        SealedCheckpoint one = step.Seal((federation.LogKey, federation.Log.SignHash(digest)));
        SealedCheckpoint two = step.Seal((federation.LogKey, federation.Log.SignHash(digest)));
        Assert.Equal(one.Archive.Bytes.ToArray(), two.Reconcile(one.Archive.Bytes.Span).Archive.Bytes.ToArray());
        LogStep fork = LogSequencer.Step(LogState.Empty(AuditFederation.Origin), [federation.Access("other").ToBytes() is var bytes ? Renumbered(federation, bytes) : []]);
        SealedCheckpoint forked = fork.Seal((federation.LogKey, federation.Log.SignHash(fork.Prepare(null).Digest)));
        AssertRefused(ErrorCodes.LogConflict, () => two.Reconcile(forked.Archive.Bytes.Span));
    }

    [Fact]
    public void Step_EntryOutOfOrder_IsRefused()
    {
        AuditFederation federation = new(3);
        byte[] roster = federation.RosterEntry().ToBytes();
        byte[] second = federation.Access("two").ToBytes();
        LogState state = LogState.Empty(AuditFederation.Origin);

        AssertRefused(ErrorCodes.EntrySequence, () => LogSequencer.Step(state, [second]));
        AssertRefused(ErrorCodes.EntrySequence, () => LogSequencer.Step(state, [roster, second, second]));
        Assert.Throws<ArgumentException>(() => LogSequencer.Step(state, []));
        Assert.Throws<ArgumentException>(() => LogSequencer.Step(state, [.. Enumerable.Repeat(roster, 257)]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(512)]
    public void Steps_OfAnyBatchSizes_LeaveTheFilesOfTheWholeTree(int size)
    {
        AuditFederation federation = new(3);
        MemoryLog log = new(federation);
        LogEntry[] entries = [federation.RosterEntry(), .. Enumerable.Range(1, size - 1).Select(i => federation.Access($"read_{i}"))];
        log.WriteAll(entries);

        Dictionary<string, byte[]> whole = MerkleTrees.Files([.. entries.Select(entry => entry.ToBytes())], size);
        Assert.Equal(size, log.Size);
        Assert.All(whole, file => Assert.Equal(file.Value, log.Log[file.Key]));
    }

    private static byte[] Renumbered(AuditFederation federation, byte[] bytes) =>
        federation.Resign(LogEntry.Parse(bytes) with { Seq = 1 }, federation.CoordinatorKey).ToBytes();

    // Each entry once, gapless numbers, each checkpoint the root of its prefix and consistent with the one before.
    private static bool IsWhole(MemoryLog log, LogEntry[] expected)
    {
        LogEntry[] entries = [.. log.Entries()];
        Sha256Digest[] once = [.. entries.Select(entry => entry.Identity)];
        bool complete = once.ToHashSet().SetEquals(expected.Select(entry => entry.Identity)) && once.Length == expected.Length;
        bool gapless = entries.GroupBy(entry => entry.Actor.Key).All(actor => actor.Select(entry => entry.Seq).SequenceEqual(Enumerable.Range(1, actor.Count()).Select(seq => (long)seq)));
        bool rooted = log.Sizes.All(size =>
        {
            Checkpoint checkpoint = Checkpoint.Parse(SignedNote.Parse(log.Log[LogPaths.Archive(size)]).Text);
            return checkpoint.Size == size
                && checkpoint.Root == MerkleHash.FromBytes(NaiveTree.Root([.. entries.Take((int)size).Select(entry => entry.ToBytes())]))
                && TileLayout.Tiles(size).All(tile => log.Log.ContainsKey(tile.Path));
        });
        return complete && gapless && rooted && log.Head[LogPaths.Head].AsSpan().SequenceEqual(log.Log[LogPaths.Archive(log.Size)]);
    }

    private static void AssertRefused(ErrorCode code, Action act) => Assert.Equal(code, Assert.Throws<FedCloudException>(act).Code);
}
