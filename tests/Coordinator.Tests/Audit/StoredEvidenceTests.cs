// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Audit;

/// <summary>What the coordinator hands out beside the log itself.</summary>
public sealed class StoredEvidenceTests
{
    private readonly SumStory _story = new();
    private readonly MemoryBlobStore _store = new(TimeProvider.System);

    [Fact]
    public async Task List_PlanInTheLog_HasItsConfiguration()
    {
        long size = await StoreAsync();
        await PutAsync(StorageNames.Config(SumStory.Job), _story.Config.ToJcs());

        using StoredEvidence evidence = new(_store, SharedKeys.Vault, new LogPosition(size, 1));
        EvidenceFile file = Assert.Single(await evidence.ListAsync(CancellationToken.None), file => file.Path.StartsWith("blobs/", StringComparison.Ordinal));
        await using Stream stream = await evidence.OpenAsync(file, CancellationToken.None);
        using MemoryStream bytes = new();
        await stream.CopyToAsync(bytes);

        Assert.Equal(EvidenceLayout.Blob(_story.Config.Digest), file.Path);
        Assert.Equal(_story.Config.ToJcs(), bytes.ToArray());
        Assert.Equal(bytes.Length, file.Length);
        VerificationReport report = await EvidenceVerifier.VerifyAsync(evidence, policy: null);
        Assert.DoesNotContain(report.Findings, finding => finding.IsFailure && finding.Check == "V9");
    }

    [Fact]
    public async Task List_PlanAfterTheSnapshot_HasNone()
    {
        await StoreAsync();
        await PutAsync(StorageNames.Config(SumStory.Job), _story.Config.ToJcs());

        // The story's first batches name two other plans, whose files are not stored: those are left out too.
        long before = _story.Story.Batches.Take(_story.Story.Find("submit-sum").Batch).Sum(batch => batch.Count);
        using StoredEvidence evidence = new(_store, SharedKeys.Vault, new LogPosition(before, 1));

        Assert.DoesNotContain(await evidence.ListAsync(CancellationToken.None), file => file.Path.StartsWith("blobs/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task List_ExchangedConfiguration_IsFoundByTheVerifier()
    {
        long size = await StoreAsync();
        await PutAsync(StorageNames.Config(SumStory.Job), (_story.Config with { Rounds = 7 }).ToJcs());

        using StoredEvidence evidence = new(_store, SharedKeys.Vault, new LogPosition(size, 1));
        VerificationReport report = await EvidenceVerifier.VerifyAsync(evidence, policy: null);

        Assert.Contains(report.Findings, finding => finding.IsFailure && finding.Code.Name == "evidence_mismatch" && finding.Path == EvidenceLayout.Blob(_story.Config.Digest));
    }

    [Fact]
    public async Task Pack_WithSums_HasEachConfigurationOnce()
    {
        long size = await StoreAsync();
        await PutAsync(StorageNames.Config(SumStory.Job), _story.Config.ToJcs());

        using StoredSums evidence = new(new StoredEvidence(_store, SharedKeys.Vault, new LogPosition(size, 1)), _store);
        IReadOnlyList<EvidenceFile> files = await evidence.ListAsync(CancellationToken.None);

        Assert.Equal(files.Count, files.Select(file => file.Path).Distinct().Count());
        Assert.Contains(files, file => file.Path == EvidenceLayout.Blob(_story.Config.Digest));
    }

    [Fact]
    public async Task List_FiguresOfARun_AreItsSignedMessages()
    {
        long size = await StoreAsync();
        DsseEnvelope kept = Figures(SumStory.Job, silo: 2, "1.25");
        DsseEnvelope ofNoRun = Figures(new RunId("run-unlogged"), silo: 2, "1.25");
        SiloId silo = _story.Story.Federation.Members[1].Silo;
        await PutAsync(StorageNames.Figures(SumStory.Job, 3, silo, kept.Identity), kept.ToJcs());
        await PutAsync(StorageNames.Figures(new RunId("run-unlogged"), 3, silo, ofNoRun.Identity), ofNoRun.ToJcs());

        using StoredEvidence evidence = new(_store, SharedKeys.Vault, new LogPosition(size, 1));
        EvidenceFile file = Assert.Single(await evidence.ListAsync(CancellationToken.None), file => file.Path.StartsWith("envelopes/", StringComparison.Ordinal));
        VerificationReport report = await EvidenceVerifier.VerifyAsync(evidence, policy: null);

        Assert.Equal(EvidenceLayout.Envelope(kept.Identity), file.Path);
        Assert.Equal(kept.ToJcs().Length, file.Length);
        Assert.Equal(new DisclosedFigures(SumStory.Job, 3, silo, 1.25m), Assert.Single(report.Figures));
        Assert.DoesNotContain(report.Findings, finding => finding.IsFailure && finding.Check == "V7");
    }

    private DsseEnvelope Figures(RunId job, int silo, string loss)
    {
        MetricsBody body = new() { Type = RunBody.Metrics, Job = job, Round = 3, Idx = silo, Values = ImmutableSortedDictionary<string, string>.Empty.Add(MetricsBody.EvalLoss, loss) };
        return DsseEnvelope.Sign(RunBody.MetricsPayloadType, Jcs.Serialize(body, RunBodyJson.Default.MetricsBody), _story.Story.Federation.Members[silo - 1].Identity);
    }

    private async Task<long> StoreAsync()
    {
        foreach (string container in new[] { StorageNames.Log, "log-head", StorageNames.Models, StorageNames.Rounds, StorageNames.State })
        {
            await _store.EnsureContainerAsync(container, CancellationToken.None);
        }

        foreach ((string path, byte[] bytes) in _story.Story.Write().Files)
        {
            int slash = path.IndexOf('/', StringComparison.Ordinal);
            BlobName? name = path[..slash] switch
            {
                "log" or "log-head" => new BlobName(path[..slash], path[(slash + 1)..]),
                "rosters" => new BlobName(StorageNames.Models, path),
                _ => null,
            };
            if (name is { } stored)
            {
                await PutAsync(stored, bytes);
            }
        }

        return _story.Story.Batches.Sum(batch => batch.Count);
    }

    private Task<PutOutcome> PutAsync(BlobName name, byte[] bytes) => _store.PutIfAbsentAsync(name, BlobContent.Of(bytes), CancellationToken.None);
}
