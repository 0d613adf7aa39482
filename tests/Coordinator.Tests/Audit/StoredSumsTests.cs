// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Audit;

/// <summary>What the coordinator keeps of its rounds is what an auditor needs.</summary>
public sealed class StoredSumsTests : IDisposable
{
    private readonly DirectoryInfo _scratch = Directory.CreateTempSubdirectory();
    private readonly SumStory _story = new();
    private readonly MemoryBlobStore _store = new(TimeProvider.System);

    public void Dispose() => _scratch.Delete(recursive: true);

    [Fact]
    public async Task Pack_StoredRounds_AreRecomputed()
    {
        await StoreAsync();
        using StoredSums source = new(_story.Story.Write(), _store);
        using MemoryStream zip = new();
        await EvidenceZip.WriteAsync(source, zip, CancellationToken.None);
        using ZipEvidence packed = ZipEvidence.Open(zip);

        VerificationReport report = await EvidenceVerifier.VerifyAsync(packed, policy: null, scratch: _scratch.FullName);

        Assert.Empty(report.Findings.Where(finding => finding.IsFailure).Select(finding => finding.ToJson()));
        Assert.Equal((2, 2), (report.Sums, report.Models));
    }

    [Fact]
    public async Task List_SecretsDeleted_LeavesTheRoundOut()
    {
        await StoreAsync();
        RoundScope gone = _story.Rounds[0].Scope;
        await _store.DeleteAsync(SecureShelf.Secrets(SumStory.Job, gone.Round, gone.Rid), lease: null, CancellationToken.None);
        using StoredSums source = new(_story.Story.Write(), _store);

        VerificationReport report = await EvidenceVerifier.VerifyAsync(source, policy: null, scratch: _scratch.FullName);

        Assert.DoesNotContain(await source.ListAsync(CancellationToken.None), file => file.Path.Contains(gone.Rid.Hex, StringComparison.Ordinal));
        Assert.Empty(report.Findings.Where(finding => finding.IsFailure));
        Assert.Equal((1, 1), (report.Sums, report.Models));
    }

    [Fact]
    public async Task Pack_AgreementToAnotherAttempt_IsShown()
    {
        await StoreAsync();
        RoundScope attempt = _story.Attempt();
        DsseEnvelope agreed = _story.Epoch.Sign(2, new ConsistencyBody { Rid = attempt.Rid, Idx = 2, U3Sha256 = attempt.Rid });
        await new SecureShelf(_store).PutAsync(SecureShelf.Consistency(SumStory.Job, attempt.Round, attempt.Rid, 2, agreed.Identity), agreed, CancellationToken.None);
        using StoredSums source = new(_story.Story.Write(), _store);

        VerificationReport report = await EvidenceVerifier.VerifyAsync(source, policy: null, scratch: _scratch.FullName);

        Finding failure = Assert.Single(report.Findings, finding => finding.IsFailure);
        Assert.Equal(("V7", "signed_twice"), (failure.Check, failure.Code.Name));
    }

    [Fact]
    public void Parse_NoSecrets_SaysNothingOfThem()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => OpenedSecrets.Parse("{\"b\":{\"1\":\"5ec7e7\"},\"s\":{}}"u8));

        Assert.DoesNotContain("5ec7e7", error.ToString(), StringComparison.Ordinal);
    }

    // As the effects of epochs and rounds leave it.
    private async Task StoreAsync()
    {
        await _store.EnsureContainerAsync(StorageNames.Models, CancellationToken.None);
        await _store.EnsureContainerAsync(StorageNames.Rounds, CancellationToken.None);
        SecureShelf shelf = new(_store);
        Sha256Digest sid = _story.Epoch.Members.Sid;
        foreach ((int version, RosterBundle bundle) in _story.Story.Federation.Bundles())
        {
            await PutAsync(new BlobName(RosterBundle.Container, RosterBundle.PublishedPath(version)), bundle.ToJson());
        }

        await PutAsync(SecureShelf.Parameters(sid), _story.Epoch.Parameters.ToJcs());
        await shelf.PutAsync(SecureShelf.List(sid), new Parcel { Envelopes = _story.Epoch.Advertisements }, CancellationToken.None);
        await shelf.PutAsync(SecureShelf.Delivered(sid), new Parcel { Envelopes = [.. _story.Epoch.Shares.OrderBy(shares => shares.Key).Select(shares => shares.Value)] }, CancellationToken.None);
        foreach (DsseEnvelope ack in _story.Rounds[0].Evidence.Acks)
        {
            await shelf.PutAsync(SecureShelf.Ack(sid, IdxOf<ShareAckBody>(ack, body => body.Idx), ack.Identity), ack, CancellationToken.None);
        }

        await PutAsync(StorageNames.Config(SumStory.Job), _story.Config.ToJcs());
        foreach (SumStory.OpenedRound round in _story.Rounds)
        {
            await StoreAsync(shelf, round);
        }
    }

    private async Task StoreAsync(SecureShelf shelf, SumStory.OpenedRound round)
    {
        (long number, Sha256Digest rid) = (round.Scope.Round, round.Rid);
        await shelf.PutAsync(SecureShelf.Start(SumStory.Job, number, rid), round.Evidence.Start, CancellationToken.None);
        await shelf.PutAsync(SecureShelf.U3List(SumStory.Job, number, rid), round.Evidence.U3List, CancellationToken.None);
        await shelf.PutAsync(SecureShelf.Result(SumStory.Job, number, rid), round.Evidence.Result, CancellationToken.None);
        foreach (DsseEnvelope masked in round.Evidence.Masked)
        {
            await shelf.PutAsync(SecureShelf.Masked(SumStory.Job, number, rid, IdxOf<MaskedBody>(masked, body => body.Idx), masked.Identity), masked, CancellationToken.None);
        }

        foreach (DsseEnvelope consistency in round.Evidence.Consistencies)
        {
            await shelf.PutAsync(SecureShelf.Consistency(SumStory.Job, number, rid, IdxOf<ConsistencyBody>(consistency, body => body.Idx), consistency.Identity), consistency, CancellationToken.None);
        }

        foreach ((int idx, byte[] vector) in round.Vectors)
        {
            await PutAsync(SecureShelf.Vector(SumStory.Job, number, rid, idx), vector);
        }

        await PutAsync(SecureShelf.Secrets(SumStory.Job, number, rid), Encoding.ASCII.GetBytes($"{{\"b\":{{{Hex(round.Evidence.SelfSeeds)}}},\"s\":{{{Hex(round.Evidence.PairwiseKeys)}}}}}"));
        await PutAsync(StorageNames.Version(_story.Config.Federation, _story.Config.Adapter, SumStory.Job, (int)number - 1), round.Model);
    }

    private Task<PutOutcome> PutAsync(BlobName name, byte[] bytes) => _store.PutIfAbsentAsync(name, BlobContent.Of(bytes), CancellationToken.None);

    private static string Hex(IEnumerable<KeyValuePair<int, byte[]>> secrets) => string.Join(',', secrets.Select(secret => $"\"{secret.Key}\":\"{Convert.ToHexStringLower(secret.Value)}\""));

    private static int IdxOf<T>(DsseEnvelope envelope, Func<T, int> idx)
        where T : class, ISecureAggregationBody<T> => idx(SecureAggregationBody.Parse<T>(envelope.Payload));
}
