// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Audit;

/// <summary>Evidence with what recomputes its sums: for each result of secure aggregation in its log the signed bodies, revealed secrets and masked vectors, and the configuration and the model version that the round started from.</summary>
/// <remarks>A round whose secrets or result are not stored, as when its audit window has ended, is left out. Vectors and versions are streamed.</remarks>
/// <param name="log">The log's evidence.</param>
/// <param name="store">The storage.</param>
public sealed class StoredSums(IEvidenceSource log, IBlobStore store) : IEvidenceSource
{
    private readonly SecureShelf _shelf = new(store);
    private readonly EpochArchive _epochs = new(new SecureShelf(store));
    private readonly Dictionary<string, Func<CancellationToken, Task<Stream>>> _open = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EvidenceFile> _files = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<EvidenceFile>> ListAsync(CancellationToken cancellation)
    {
        _open.Clear();
        _files.Clear();
        await foreach (LoggedSum sum in LoggedSum.ReadAsync(log, cancellation))
        {
            if (await FindAsync(sum, cancellation) is { } evidence)
            {
                await AddAsync(sum, evidence, cancellation);
            }
        }

        // The log's evidence has the configurations too.
        return [.. (await log.ListAsync(cancellation)).UnionBy(_files.Values, file => file.Path, StringComparer.Ordinal).OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public async ValueTask<Stream> OpenAsync(EvidenceFile file, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(file);
        return _open.TryGetValue(file.Path, out Func<CancellationToken, Task<Stream>>? open) ? await open(cancellation) : await log.OpenAsync(file, cancellation);
    }

    /// <inheritdoc/>
    public void Dispose() => log.Dispose();

    private async Task AddAsync(LoggedSum sum, RoundEvidence evidence, CancellationToken cancellation)
    {
        // Built again when it is packed: a few MiB for each round would add up.
        Add(EvidenceLayout.Round(sum.Rid), evidence.ToJcs().Length, async token =>
            new MemoryStream((await FindAsync(sum, token) ?? throw Gone(SecureShelf.Result(sum.Job, sum.Round, sum.Rid))).ToJcs(), writable: false));
        await AddBlobAsync(EvidenceLayout.Blob(sum.Config), StorageNames.Config(sum.Job), cancellation);
        if (sum.Version is { } version && await store.ReadAsync(StorageNames.Config(sum.Job), Parcel.MaxBytes, cancellation) is { } config)
        {
            RunConfig plan = RunConfig.Parse(config.Bytes);
            await AddBlobAsync(EvidenceLayout.Blob(sum.Model), StorageNames.Version(plan.Federation, plan.Adapter, plan.Job, version), cancellation);
        }

        Dictionary<string, int> vectors = sum.Masked.Keys.ToDictionary(idx => SecureShelf.Vector(sum.Job, sum.Round, sum.Rid, idx).Path, StringComparer.Ordinal);
        await foreach (BlobItem item in store.ListAsync(StorageNames.Rounds, SecureShelf.Folder(sum.Job, sum.Round), cancellation))
        {
            BlobName name = new(StorageNames.Rounds, item.Path);
            if (vectors.TryGetValue(item.Path, out int idx))
            {
                Add(EvidenceLayout.Vector(sum.Rid, idx), item.Length, token => OpenAsync(name, token));
            }
            else if (SecureShelf.ConsistencyIn(item.Path) is { } identity && !item.Path.Contains(sum.Rid.Hex, StringComparison.Ordinal))
            {
                // What silos agreed to in other attempts at the round: there must be nothing else of the same silo (J9).
                byte[] envelope = Jcs.Canonicalize(await _shelf.BytesAsync(name, cancellation));
                Add(EvidenceLayout.Envelope(identity), envelope.Length, _ => Task.FromResult<Stream>(new MemoryStream(envelope, writable: false)));
            }
        }
    }

    private async Task AddBlobAsync(string path, BlobName name, CancellationToken cancellation)
    {
        using BlobRead? read = _files.ContainsKey(path) ? null : await store.OpenReadAsync(name, 0, null, cancellation);
        if (read is not null)
        {
            Add(path, read.BlobLength, token => OpenAsync(name, token));
        }
    }

    private void Add(string path, long length, Func<CancellationToken, Task<Stream>> open)
    {
        _files[path] = new EvidenceFile(path, length);
        _open[path] = open;
    }

    // The content holds its connection, and lets it go when it is disposed.
    private async Task<Stream> OpenAsync(BlobName name, CancellationToken cancellation) =>
        (await store.OpenReadAsync(name, 0, null, cancellation) ?? throw Gone(name)).Content;

    private async Task<RoundEvidence?> FindAsync(LoggedSum sum, CancellationToken cancellation)
    {
        if (await _shelf.FindAsync(SecureShelf.Result(sum.Job, sum.Round, sum.Rid), cancellation) is not { } result
            || await store.ReadAsync(SecureShelf.Secrets(sum.Job, sum.Round, sum.Rid), Parcel.MaxBytes, cancellation) is not { } stored)
        {
            return null;
        }

        DsseEnvelope start = await _shelf.EnvelopeAsync(SecureShelf.Start(sum.Job, sum.Round, sum.Rid), cancellation);
        DsseEnvelope list = await _shelf.EnvelopeAsync(SecureShelf.U3List(sum.Job, sum.Round, sum.Rid), cancellation);
        Sha256Digest sid = SecureAggregationBody.Parse<RoundStartBody>(start.Payload).Sid;
        Parcel delivered = await _shelf.ParcelAsync(SecureShelf.Delivered(sid), cancellation);
        ImmutableArray<int> cohort = [.. delivered.Envelopes.Select(envelope => SecureAggregationBody.Parse<SharesBody>(envelope.Payload).Idx)];
        OpenedSecrets secrets = OpenedSecrets.Parse(stored.Bytes);
        return new RoundEvidence
        {
            Epoch = await _epochs.ParametersAsync(sid, cancellation),
            Advertisements = (await _shelf.ParcelAsync(SecureShelf.List(sid), cancellation)).Envelopes,
            Acks = await _epochs.AcksAsync(sid, cohort, cancellation),
            Start = start,
            Masked = await MaskedAsync(sum, cancellation),
            U3List = list,
            Consistencies = await ConsistenciesAsync(sum, SecureAggregationBody.Parse<U3ListBody>(list.Payload), cancellation),
            SelfSeeds = secrets.B.ToImmutableSortedDictionary(seed => seed.Key, seed => seed.Value.ToBytes()),
            PairwiseKeys = secrets.S.ToImmutableSortedDictionary(key => key.Key, key => key.Value.ToBytes()),
            Result = result,
        };
    }

    private async Task<ImmutableArray<DsseEnvelope>> MaskedAsync(LoggedSum sum, CancellationToken cancellation)
    {
        List<DsseEnvelope> masked = [];
        foreach ((int idx, Sha256Digest identity) in sum.Masked)
        {
            masked.Add(await _shelf.EnvelopeAsync(SecureShelf.Masked(sum.Job, sum.Round, sum.Rid, idx, identity), cancellation));
        }

        return [.. masked];
    }

    // A silo's agreement is fixed by the list, so its name is known; not every member of the list need have sent it.
    private async Task<ImmutableArray<DsseEnvelope>> ConsistenciesAsync(LoggedSum sum, U3ListBody list, CancellationToken cancellation)
    {
        List<DsseEnvelope> consistencies = [];
        foreach (int idx in sum.Masked.Keys)
        {
            ConsistencyBody body = new() { Rid = list.Rid, Idx = idx, U3Sha256 = list.U3Sha256 };
            Sha256Digest identity = Dsse.Identity(Fcsa1.PayloadType, SecureAggregationBody.Encode(body));
            if (await _shelf.FindAsync(SecureShelf.Consistency(sum.Job, sum.Round, sum.Rid, idx, identity), cancellation) is { } consistency)
            {
                consistencies.Add(consistency);
            }
        }

        return [.. consistencies];
    }

    private static FedCloudException Gone(BlobName name) => new(ErrorCodes.StorageFailed, $"{name}: expected what was listed, found nothing");
}
