// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class WitnessTests
{
    private readonly AuditFederation _federation = new(3);
    private readonly MemoryLog _log;
    private readonly WitnessSettings _settings;

    public WitnessTests()
    {
        _log = new MemoryLog(_federation);
        _settings = new WitnessSettings { Origin = AuditFederation.Origin, FirstRoster = _federation.Roster.Digest(), LogKeys = [_federation.LogKey] };
        _log.WriteAll([_federation.RosterEntry()]);
    }

    [Fact]
    public void Step_FirstStart_ReadsTheLogThenWritesThenSends()
    {
        Grow(300);

        WitnessStep asked = WitnessMachine.Step(null, _settings, new CheckpointShown(Note(), []));
        WitnessStep signed = WitnessMachine.Step(null, _settings, new LogRead(Note(), Reading()));

        Assert.Equal(new ReadLog(_log.Size), Assert.Single(asked.Effects));
        Assert.Null(asked.State);
        Assert.Collection(signed.Effects, effect => Assert.Equal(signed.State, Assert.IsType<WriteState>(effect).State), effect => Assert.IsType<SendLine>(effect));
        Assert.Null(signed.Refused);
    }

    [Fact]
    public void Step_FirstStartWithAnotherFirstRosterOrRoot_IsRefused()
    {
        LogReading reading = Reading();

        AssertRefused(ErrorCodes.LogFork, WitnessMachine.Step(null, _settings with { FirstRoster = AuditFederation.Hash("x") }, new LogRead(Note(), reading)));
        AssertRefused(ErrorCodes.LogFork, WitnessMachine.Step(null, _settings, new LogRead(Note(), reading with { FirstRoster = null })));
        AssertRefused(ErrorCodes.RootMismatch, WitnessMachine.Step(null, _settings, new LogRead(Note(), reading with { Root = default })));
        AssertRefused(ErrorCodes.RootMismatch, WitnessMachine.Step(null, _settings, new LogRead(Note(), reading with { Size = 2 })));
    }

    [Fact]
    public void Step_Growth_NeedsAProof()
    {
        WitnessState state = Signed();
        Checkpoint before = Checkpoint.Parse(state.Signed.Text);
        Grow(300);
        MerkleNodes nodes = TiledNodes.Over(_log.Size, MerkleTrees.Source(_log.Log));

        WitnessStep step = WitnessMachine.Step(state, _settings, new CheckpointShown(Note(), MerkleProof.Consistency(before.Size, _log.Size, nodes)));
        WitnessStep without = WitnessMachine.Step(state, _settings, new CheckpointShown(Note(), []));

        Assert.Collection(step.Effects, effect => Assert.IsType<WriteState>(effect), effect => Assert.IsType<SendLine>(effect));
        Assert.Equal(_log.Size, Checkpoint.Parse(step.State!.Signed.Text).Size);
        Assert.Equal(ErrorCodes.ConsistencyFailed, without.Refused);
        Assert.Equal(state, without.State);
        Assert.IsType<ReportFork>(Assert.Single(without.Effects));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(8)]
    public void Step_ForkAtAnySize_IsRefused(int fork)
    {
        byte[][] entries = [.. Enumerable.Range(0, 8).Select(i => Encoding.ASCII.GetBytes($"{i}"))];
        byte[][] other = [.. entries[..(fork - 1)], Encoding.ASCII.GetBytes("fork"), .. entries[fork..]];
        WitnessState state = WitnessState.Of(Sign(entries));

        for (int size = 8; size <= 8 + fork; size++)
        {
            byte[][] grown = [.. other, .. Enumerable.Range(8, size - 8).Select(i => Encoding.ASCII.GetBytes($"{i}"))];
            WitnessStep step = WitnessMachine.Step(state, _settings, new CheckpointShown(Sign(grown), size == 8 ? [] : MerkleProof.Consistency(8, size, MerkleTrees.NodesOf(grown))));

            Assert.NotNull(step.Refused);
            Assert.Equal(state, step.State);
            Assert.DoesNotContain(step.Effects, effect => effect is SendLine or WriteState);
        }
    }

    [Fact]
    public void Step_SameCheckpointAgain_SendsTheLineAgain()
    {
        WitnessState state = Signed();

        WitnessStep step = WitnessMachine.Step(state, _settings, new CheckpointShown(Note(), []));

        Assert.IsType<SendLine>(Assert.Single(step.Effects));
        Assert.Equal(state, step.State);
    }

    [Fact]
    public void Step_SmallerSizeOtherRootOtherLogOrOtherKey_IsRefused()
    {
        SignedNote small = Note();
        Grow(3);
        WitnessState state = Signed();
        using ECDsa thief = AuditFederation.NewKey();
        SignedNote fork = Sign(Enumerable.Range(0, (int)_log.Size).Select(i => new[] { (byte)i }));

        AssertRefused(ErrorCodes.CheckpointOlder, WitnessMachine.Step(state, _settings, new CheckpointShown(small, [])));
        AssertRefused(ErrorCodes.CheckpointOrigin, WitnessMachine.Step(state, _settings with { Origin = "other" }, new CheckpointShown(Note(), [])));
        AssertRefused(ErrorCodes.NoteUnsigned, WitnessMachine.Step(state, _settings with { LogKeys = [NoteKey.Of(AuditFederation.Origin, Protocol.Signing.VerificationKey.Of(thief))] }, new CheckpointShown(Note(), [])));
        WitnessStep forked = WitnessMachine.Step(state, _settings, new CheckpointShown(fork, []));
        Assert.Equal(ErrorCodes.LogFork, forked.Refused);
        Assert.Equal(fork, Assert.IsType<ReportFork>(Assert.Single(forked.Effects)).Shown);
    }

    [Fact]
    public void State_WrittenAndRead_IsTheSame()
    {
        WitnessState state = Signed();

        Assert.Equal(state, WitnessState.TryParse(state.ToJson()));
        Assert.Null(WitnessState.TryParse([]));
        Assert.Null(WitnessState.TryParse("{\"v\":1,\"note\":\"x\"}"u8));
        Assert.Null(WitnessState.TryParse("{\"v\":1}"u8));
        Assert.Null(WitnessState.TryParse((state with { V = 2 }).ToJson()));
    }

    [Fact]
    public void Line_OfTheWitness_IsAcceptedAndOthersAreNot()
    {
        AuditFederation.Member member = _federation.Members[0];
        SealedCheckpoint archived = new(Note(), Checkpoint.Parse(Note().Text));
        byte[] signature = member.Witness.SignHash(WitnessLine.Digest(archived.Note));

        LogWrite file = WitnessLine.Accept(archived, member.Silo, member.WitnessKey, WitnessLine.Of(member.WitnessKey, signature));

        Assert.Equal("cosigned/1/silo-1", file.Path);
        Assert.Equal(2, SignedNote.Parse(file.Bytes.Span).Verify([member.WitnessKey, _federation.LogKey]).Length);
        Assert.Equal(
            ErrorCodes.NoteSignatureInvalid,
            Assert.Throws<FedCloudException>(() => WitnessLine.Accept(archived, member.Silo, member.WitnessKey, WitnessLine.Of(_federation.Members[1].WitnessKey, signature))).Code);
    }

    [Fact]
    public void Coverage_LinesOfTheRoster_AreCounted()
    {
        AuditFederation federation = new(4);
        MemoryLog log = new(federation);
        log.WriteAll([federation.RosterEntry()]);
        LoggedRoster[] rosters = [new(0, federation.Roster)];

        log.Cosign(federation.Members[0], federation.Members[1]);
        Assert.Null(Coverage(log, rosters).Covering(0));
        log.Cosign(federation.Members[3]);
        Assert.Equal(1, Coverage(log, rosters).Covering(0));
        Assert.Null(Coverage(log, rosters, minimum: 4).Covering(0));
        log.WriteAll([federation.Access("read")]);
        Assert.Null(Coverage(log, rosters).Covering(1));
        Assert.Equal(1, Coverage(log, rosters).Covering(0, limit: 1));
        Assert.Null(Coverage(log, rosters).Covering(0, limit: 0));
    }

    [Fact]
    public void Coverage_RosterChange_NeedsOldLinesAtItAndNewLinesAfterIt()
    {
        AuditFederation federation = new(3);
        MemoryLog log = new(federation);
        log.WriteAll([federation.RosterEntry()]);
        AuditFederation.Member[] old = [.. federation.Members];
        LoggedRoster first = new(0, federation.Roster);
        federation.NextRoster(members => members.Add(new AuditFederation.Member(new("silo-4"))));
        LoggedRoster[] rosters = [first, new(1, federation.Roster)];
        AuditFederation.Member joined = federation.Members[3];
        log.WriteAll([federation.RosterEntry()]);

        log.Cosign(old[0], old[1], joined);
        Assert.False(Coverage(log, rosters).IsWitnessed(2));
        log.Cosign(old[2]);
        Assert.True(Coverage(log, rosters).IsWitnessed(2));
        log.WriteAll([federation.Access("read")]);
        log.Cosign(old[0], joined);
        Assert.False(Coverage(log, rosters).IsWitnessed(3));
        log.Cosign(old[1]);
        Assert.True(Coverage(log, rosters).IsWitnessed(3));
    }

    [Fact]
    public void Coverage_LostMemberOfThree_PassesWithoutItsLine()
    {
        AuditFederation federation = new(3);
        MemoryLog log = new(federation);
        log.WriteAll([federation.RosterEntry()]);
        AuditFederation.Member[] old = [.. federation.Members];
        LoggedRoster first = new(0, federation.Roster);
        federation.NextRoster(members => members[2] = new AuditFederation.Member(members[2].Silo));
        LoggedRoster[] rosters = [first, new(1, federation.Roster)];
        log.WriteAll([federation.RosterEntry()]);

        log.Cosign(old[0], old[2]);
        Assert.False(Coverage(log, rosters).IsWitnessed(2));
        log.Cosign(old[1]);
        Assert.True(Coverage(log, rosters).IsWitnessed(2));
        Assert.False(Coverage(log, [first, new(1, federation.Roster), new(1, federation.Roster)]).IsWitnessed(2));
    }

    private static WitnessCoverage Coverage(MemoryLog log, LoggedRoster[] rosters, int minimum = 0) => new(
        rosters,
        [.. log.Sizes],
        size => new CosignedCheckpoint(
            SignedNote.Parse(log.Log[LogPaths.Archive(size)]),
            [.. log.Log.Where(file => file.Key.StartsWith($"cosigned/{size}/", StringComparison.Ordinal)).Select(file => SignedNote.Parse(file.Value))]),
        minimum);

    private void Grow(int entries) => _log.WriteAll(Enumerable.Range(0, entries).Select(i => _federation.Access($"read_{i}")));

    private SignedNote Note() => SignedNote.Parse(_log.Log[LogPaths.Archive(_log.Size)]);

    private WitnessState Signed() => WitnessMachine.Step(null, _settings, new LogRead(Note(), Reading())).State!;

    private LogReading Reading()
    {
        LogReader reader = new();
        foreach (BundleCoordinate bundle in TileLayout.Bundles(_log.Size))
        {
            reader.Add(bundle, _log.Log[bundle.Path]);
        }

        return reader.Result();
    }

    private SignedNote Sign(IEnumerable<byte[]> entries)
    {
        byte[][] leaves = [.. entries];
        string text = new Checkpoint { Origin = AuditFederation.Origin, Size = leaves.Length, Root = MerkleHash.FromBytes(NaiveTree.Root(leaves)) }.ToText();
        byte[] signature = _federation.Log.SignData(Encoding.UTF8.GetBytes(text), HashAlgorithmName.SHA256);
        return new SignedNote(text, [new NoteSignature(_federation.LogKey.Name, _federation.LogKey.Id, EcdsaDer.FromP1363(signature))]);
    }

    private static void AssertRefused(ErrorCode code, WitnessStep step)
    {
        Assert.Equal(code, step.Refused);
        Assert.DoesNotContain(step.Effects, effect => effect is SendLine or WriteState);
    }
}
