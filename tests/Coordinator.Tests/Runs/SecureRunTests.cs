// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Coordinator.Tests.Runs;

public sealed class SecureRunTests
{
    [Fact]
    public async Task Start_OfTheFirstRound_BringsWhatASiloChecks()
    {
        await using SecureRun run = await SecureRun.StartedAsync();

        Frame frame = await run.FrameAsync(2, SecureFrame.RoundStart);

        RoundStartBody start = SecureAggregationBody.Parse<RoundStartBody>(frame.Envelopes[1].Payload);
        Parcel parcel = await run.Federation.ParcelAsync(frame);
        RoundScope scope = await run.ScopeAsync();
        Assert.Equal(start.AckSha256, ShareAcks.Require(scope.Members, [1, 2, 3, 4], parcel.Envelopes, run.Federation.Keys));
        Assert.Equal(scope.Rid, RoundScope.Open(start, scope.Members, [1, 2, 3, 4], run.Config.Digest, start.D, Ring.OfBits(start.K)).Rid);
        Assert.Equal(2, frame.Envelopes.Length);
    }

    [Theory]
    [InlineData(1, 2, 3, 4)]
    [InlineData(1, 2, 4)]
    public async Task Round_AllSteps_CommitsAndEveryHashIsRecomputed(params int[] u3)
    {
        await using SecureRun run = await SecureRun.AgreedAsync(u3);
        RoundScope scope = await run.ScopeAsync();
        U3Agreement agreement = await run.AgreementAsync(u3[0]);
        foreach (int idx in u3)
        {
            await run.SendAsync(await run.UnmaskAsync(idx));
        }

        await run.WorkAsync();

        Assert.Equal((1, 1), (run.State.CommittedRounds, run.State.Model!.Version));
        Frame frame = await run.FrameAsync(3, SecureFrame.Result);
        ResultBody result = SecureAggregationBody.Parse<ResultBody>(frame.Envelopes[0].Payload);
        VersionBody version = Jcs.Parse(frame.Envelopes[1].Payload, RunBodyJson.Default.VersionBody, RunBody.Version);
        Assert.Equal((run.State.Model.Sha256, run.State.Model.Sha256), (result.NewModelSha256, version.ModelSha256));
        byte[] z = await run.Federation.Archive.Shelf.BytesAsync(StorageNames.Sum(run.Config.Job, 1), default);
        Assert.Equal(Sha256Digest.Of(z), result.AggregateSha256);
        Assert.Equal(u3.Sum() << 16, BitConverter.ToInt32(z, 0));
        Assert.Equal(result.AggregateSha256, (await EvidenceAsync(run, scope, agreement)).AggregateSha256);
        Assert.Equal(version, Jcs.Parse((await run.FrameAsync(1, SecureFrame.RoundStart)).Envelopes[2].Payload, RunBodyJson.Default.VersionBody, RunBody.Version));
    }

    [Fact]
    public async Task Round_AllSteps_LogsThemInTheOrderThatTheVerifierAsksFor()
    {
        await using SecureRun run = await SecureRun.AgreedAsync(1, 2, 4);
        Sha256Digest rid = run.Round.Rid;
        Sha256Digest masked = run.Round.Members[run.Federation.Silos[3]].Update!.Masked!.Identity;
        await run.Actor.ApplyAsync(id: null, new DeadlineReached(run.Round.Secure!.StepDue!.Value, RunMachine.NextDeadline(run.State)!.Key), default);
        foreach (int idx in (int[])[1, 2, 4])
        {
            await run.SendAsync(await run.UnmaskAsync(idx));
        }

        await run.WorkAsync();

        ImmutableArray<EntryDraft> entries = [.. (await run.Federation.EntriesAsync()).SkipWhile(entry => entry.Type != EntryTypes.RoundStart).Take(8)];
        Assert.Equal(
            [EntryTypes.RoundStart, EntryTypes.Masked, EntryTypes.Masked, EntryTypes.Masked, EntryTypes.U3, EntryTypes.Result, EntryTypes.Gate, EntryTypes.ChannelMoved],
            entries.Select(entry => entry.Type));
        Assert.All(entries.Take(6), entry => Assert.Equal((rid, 1), (entry.Subjects["rid"], entry.Round)));
        Assert.Equal((masked, Sha256Digest.Zero, Sha256Digest.Of([4])), (entries[3].Subjects["masked"], entries[3].Subjects["ledger_head"], entries[3].Subjects["journal_head"]));
        Assert.Equal(3, entries[4].Fields["count"].Integer);
        Assert.Equal(entries[5].Subjects["aggregate"], entries[6].Subjects["aggregate"]);
        Assert.Equal(entries[5].Subjects["new_model"], entries[7].Subjects["model"]);
        foreach (EntryDraft entry in entries)
        {
            EntrySchema.Of(entry.Type).Require(entry.ToEntry(run.Config.Federation, new EntryActor { Kind = EntryActor.Coordinator, Id = EntryActor.Coordinator, KeyId = Sha256Digest.Zero }, 1, DateTimeOffset.UnixEpoch));
        }
    }

    [Fact]
    public async Task Shares_NotOfTheirDealer_AreReplacedByAnotherSilos()
    {
        await using SecureRun run = await SecureRun.AgreedAsync(1, 2, 3, 4);
        await run.SendAsync(await run.UnmaskAsync(1, body => body with { B = body.B.SetItem(2, RevealedShare.Of(new byte[32])) }));
        await run.SendAsync(await run.UnmaskAsync(2));
        await run.SendAsync(await run.UnmaskAsync(3));

        await run.WorkAsync();

        Assert.Equal(RoundPhase.Unmasking, run.Round.Phase);
        Assert.Equal(ErrorCodes.ShareCommitmentMismatch.Name, run.Round.Secure!.Faulty[1]);
        await run.SendAsync(await run.UnmaskAsync(4));
        await run.WorkAsync();
        Assert.Equal(1, run.State.CommittedRounds);
    }

    [Fact]
    public async Task Shares_OfAnotherListOrBroken_AreNamed()
    {
        await using SecureRun run = await SecureRun.AgreedAsync(1, 2, 3, 4);
        await run.SendAsync(await run.UnmaskAsync(1, body => body with { U3Sha256 = Sha256Digest.Zero }));
        Frame broken = await run.UnmaskAsync(2);
        run.Federation.Store.Tamper(broken.Blobs[0].Container, broken.Blobs[0].Name, bytes => [.. bytes[..^1], (byte)(bytes[^1] ^ 1)]);
        await run.SendAsync(broken);
        await run.SendAsync(await run.UnmaskAsync(3, body => body with { Idx = 4 }));

        await run.WorkAsync();

        Assert.Equal(
            [(1, ErrorCodes.UnmaskInvalid.Name), (2, ErrorCodes.EnvelopeTampered.Name), (3, ErrorCodes.SignatureInvalid.Name)],
            run.Round.Secure!.Faulty.Select(faulty => (faulty.Key, faulty.Value)));
    }

    [Fact]
    public async Task Vector_NotTheAnnouncedOne_IsTurnedAwayAndTheTrueOneTaken()
    {
        await using SecureRun run = await SecureRun.StartedAsync();
        Frame announced = await run.MaskedAsync(1);
        await run.SendAsync(announced with { Blobs = [announced.Blobs[0] with { Name = announced.Blobs[0].Name[..^1] + "3" }] });
        await run.WorkAsync();
        Assert.Equal(ErrorCodes.UpdateMissing.Name, run.Round.Members[run.Federation.Silos[0]].Reason);

        await run.SendAsync(announced);
        await run.WorkAsync();

        Assert.Equal(MemberPhase.Verified, run.Round.Members[run.Federation.Silos[0]].Phase);
        Assert.NotNull(await run.SendAsync(announced));
    }

    [Fact]
    public async Task Masked_OfAnotherIndexLedgerOrName_IsRefused()
    {
        await using SecureRun run = await SecureRun.StartedAsync();
        Frame right = await run.MaskedAsync(1);

        await RefusedAsync(run, ErrorCodes.SignatureInvalid, await run.MaskedAsync(1, body => body with { Idx = 2 }));
        await RefusedAsync(run, ErrorCodes.MaskedInvalid, await run.MaskedAsync(1, body => body with { LedgerHead = Sha256Digest.Of("ledger"u8) }));
        await RefusedAsync(run, ErrorCodes.UploadNameRefused, right with { Blobs = [right.Blobs[0] with { Container = "up-silo-2" }] });
        await RefusedAsync(run, ErrorCodes.UploadNameRefused, right with { Blobs = [right.Blobs[0] with { Name = UploadName.Path(run.Config.Job, 1, 0) }] });
        Assert.NotNull(await run.SendAsync(await run.MaskedAsync(1, body => body with { Rid = Sha256Digest.Zero })));
    }

    [Fact]
    public async Task Consistency_ToAnotherListOrOfAnotherIndex_IsRefused()
    {
        await using SecureRun run = await SecureRun.ListedAsync(1, 2, 3);
        ConsistencyBody body = (await run.AgreementAsync(1)).Consistency(1);

        await RefusedAsync(run, ErrorCodes.ConsistencyInvalid, run.Federation.FrameOf(body with { U3Sha256 = Sha256Digest.Zero }, 1) with { Run = run.Config.Job });
        await RefusedAsync(run, ErrorCodes.SignatureInvalid, run.Federation.FrameOf(body, 2) with { Run = run.Config.Job });
        Assert.NotNull(await run.SendAsync(run.Federation.FrameOf(body with { Rid = Sha256Digest.Zero }, 1) with { Run = run.Config.Job }));
    }

    [Fact]
    public async Task Unmask_WithoutAnUploadOrInAnothersName_ChangesNothing()
    {
        await using SecureRun run = await SecureRun.AgreedAsync(1, 2, 3);
        Frame frame = await run.UnmaskAsync(1);

        await RefusedAsync(run, ErrorCodes.UpdateMissing, frame with { Blobs = [frame.Blobs[0] with { Container = "up-silo-2" }] });
        await RefusedAsync(run, ErrorCodes.UploadNameRefused, frame with { Blobs = [frame.Blobs[0] with { Container = "models" }] });
        await RefusedAsync(run, ErrorCodes.UploadNameRefused, frame with { Blobs = [frame.Blobs[0] with { Name = "run-1/other" }] });
        Assert.NotNull(await run.SendAsync(frame with { Run = null }));
    }

    [Fact]
    public async Task Burned_OfTheEpochsMember_OpensTheNextRoundWithTheBodies()
    {
        await using SecureRun run = await SecureRun.ListedAsync(1, 2, 3, 4);
        Sha256Digest rid = run.Round.Rid;
        await run.Actor.ApplyAsync(id: null, new DeadlineReached(run.Round.Deadline.AddDays(1), RunMachine.NextDeadline(run.State)!.Key), default);
        await run.WorkAsync();
        Assert.Equal(RoundPhase.Opening, run.Round.Phase);
        BurnedBody BodyOf(int idx) => new() { Job = run.Config.Job, Round = 1, Rid = rid, Idx = idx };

        await RefusedAsync(run, ErrorCodes.SignatureInvalid, run.Federation.FrameOf(BodyOf(1), 2));
        Assert.NotNull(await run.SendAsync(run.Federation.FrameOf(BodyOf(1) with { Round = 2 }, 1)));
        foreach (int idx in (int[])[1, 2, 3])
        {
            Assert.Null(await run.SendAsync(run.Federation.FrameOf(BodyOf(idx), idx)));
        }

        await run.WorkAsync();

        Parcel parcel = await run.Federation.ParcelAsync(await run.FrameAsync(4, SecureFrame.RoundStart));
        Assert.Equal([1, 2, 3], parcel.Envelopes.Skip(4).Select(envelope => SecureAggregationBody.Parse<BurnedBody>(envelope.Payload).Idx));
        Assert.Equal(2, run.Round.Round);
    }

    [Fact]
    public async Task State_AtEveryStep_HoldsNoSecret()
    {
        await using SecureRun run = await SecureRun.AgreedAsync(1, 2, 4);
        Sha256Digest rid = run.Round.Rid;
        foreach (int idx in (int[])[1, 2, 4])
        {
            await run.SendAsync(await run.UnmaskAsync(idx));
        }

        await run.WorkAsync();

        string stored = Encoding.UTF8.GetString((await run.Federation.Store.ReadAsync(StorageNames.Run(run.Config.Job), 1 << 24, default))!.Value.Bytes);
        OpenedSecrets secrets = await SecretsAsync(run, rid);
        Assert.Equal([1, 2, 4], secrets.B.Keys);
        Assert.Equal([3], secrets.S.Keys);
        Assert.All(secrets.B.Values.Concat(secrets.S.Values), secret => Assert.DoesNotContain(secret.Hex, stored, StringComparison.Ordinal));
    }

    private static async Task<OpenedSecrets> SecretsAsync(SecureRun run, Sha256Digest rid) =>
        JsonSerializer.Deserialize(await run.Federation.Archive.Shelf.BytesAsync(SecureShelf.Secrets(run.Config.Job, 1, rid), default), OpenedSecretsJson.Default.OpenedSecrets)!;

    // What an auditor does with what the coordinator stored.
    private static async Task<ResultBody> EvidenceAsync(SecureRun run, RoundScope scope, U3Agreement agreement)
    {
        SecureShelf shelf = run.Federation.Archive.Shelf;
        OpenedSecrets secrets = await SecretsAsync(run, scope.Rid);
        Dictionary<int, Stream> vectors = [];
        List<DsseEnvelope> consistencies = [];
        foreach (int idx in agreement.U3)
        {
            vectors[idx] = new MemoryStream(await shelf.BytesAsync(SecureShelf.Vector(run.Config.Job, 1, scope.Rid, idx), default));
            Sha256Digest identity = Dsse.Identity(Fcsa1.PayloadType, SecureAggregationBody.Encode(agreement.Consistency(idx)));
            consistencies.Add(await shelf.EnvelopeAsync(SecureShelf.Consistency(run.Config.Job, 1, scope.Rid, idx, identity), default));
        }

        DsseEnvelope start = await shelf.EnvelopeAsync(SecureShelf.Start(run.Config.Job, 1, scope.Rid), default);
        RoundEvidence evidence = new()
        {
            Epoch = await run.Federation.Archive.ParametersAsync(scope.Members.Sid, default),
            Advertisements = (await shelf.ParcelAsync(SecureShelf.List(scope.Members.Sid), default)).Envelopes,
            Acks = await run.Federation.Archive.AcksAsync(scope.Members.Sid, [.. scope.U2], default),
            Start = start,
            Masked = (await run.Federation.ParcelAsync(await run.FrameAsync(agreement.U3[0], SecureFrame.U3List))).Envelopes,
            U3List = await shelf.EnvelopeAsync(SecureShelf.U3List(run.Config.Job, 1, scope.Rid), default),
            Consistencies = [.. consistencies],
            SelfSeeds = secrets.B.ToImmutableSortedDictionary(secret => secret.Key, secret => secret.Value.ToBytes()),
            PairwiseKeys = secrets.S.ToImmutableSortedDictionary(secret => secret.Key, secret => secret.Value.ToBytes()),
            Result = await shelf.EnvelopeAsync(SecureShelf.Result(run.Config.Job, 1, scope.Rid), default),
        };
        RosterKeys keys = new(run.Federation.Keys, [await SecureRun.CoordinatorKeyAsync()]);
        return evidence.Verify(keys, new RoundTerms(run.Config.Digest, scope.D, scope.Ring, run.Config.Participation.Quorum, HasPrivacy: false), vectors, Stream.Null);
    }

    private static async Task RefusedAsync(SecureRun run, ErrorCode code, Frame frame)
    {
        RunState before = run.State;

        Assert.Equal(code, (await Assert.ThrowsAsync<FedCloudException>(() => run.SendAsync(frame))).Code);

        Assert.Same(before, run.State);
    }
}
