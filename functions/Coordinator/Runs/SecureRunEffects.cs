// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.Keys;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Runs;

/// <summary>Carries out the effects of rounds under secure aggregation, each idempotently: what is stored is written once, and a body that is signed again is the same body.</summary>
/// <param name="archive">What is stored of epochs and rounds.</param>
/// <param name="post">Sends to silos.</param>
/// <param name="keys">The wrapping key.</param>
/// <param name="ingest">Takes masked vectors in.</param>
/// <param name="time">The clock.</param>
/// <param name="request">Asks the epochs for a slot.</param>
public sealed class SecureRunEffects(EpochArchive archive, SiloPost post, IWrappingKeys keys, MaskedIngest ingest, TimeProvider time, Func<SlotRequest, CancellationToken, Task> request)
{
    /// <summary>Carries out one effect; the opening of a sum is <see cref="SumAggregation"/>'s.</summary>
    /// <param name="job">The run.</param>
    /// <param name="effect">What is to be done.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The event that reports its result; null for effects that have none.</returns>
    public async Task<RunEvent?> CarryOutAsync(RunId job, RunEffect effect, CancellationToken cancellation)
    {
        switch (effect)
        {
            case RequestSlot asked:
                await request(asked.Request, cancellation);
                return null;
            case SendSecureStart send:
                await StartAsync(send, cancellation);
                return null;
            case IngestMasked masked:
                return await IngestAsync(job, masked, cancellation);
            case SendU3 send:
                await ShowListAsync(job, send, cancellation);
                return null;
            case SendAgreement send:
                await AgreeAsync(job, send, cancellation);
                return null;
            case SendSecureResult send:
                await ConcludeAsync(job, send, cancellation);
                return null;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect?.GetType().Name, "an unknown effect");
        }
    }

    private async Task StartAsync(SendSecureStart send, CancellationToken cancellation)
    {
        RoundOpening opening = send.Opening;
        List<DsseEnvelope> parcel = [.. await archive.AcksAsync(send.Body.Sid, opening.Cohort, cancellation)];
        foreach (BurnedSlot burned in send.Burned)
        {
            parcel.Add(await archive.Shelf.EnvelopeAsync(SecureShelf.Burned(opening.Job, burned.Round, burned.Rid, burned.Idx, burned.Identity), cancellation));
        }

        DsseEnvelope start = await post.SignAsync(send.Body, cancellation);
        await archive.Shelf.PutAsync(SecureShelf.Start(opening.Job, opening.Round, send.Body.Rid), start, cancellation);
        ImmutableArray<DsseEnvelope> envelopes = [await keys.StatementAsync(cancellation), start];
        if (send.Previous is { } previous)
        {
            envelopes = envelopes.Add(await SignAsync(previous, cancellation));
        }

        await post.SendAsync(send.To, SecureFrame.RoundStart, opening.Job, opening.Round, envelopes, new Parcel { Envelopes = [.. parcel] }, cancellation);
    }

    private async Task<RunEvent> IngestAsync(RunId job, IngestMasked masked, CancellationToken cancellation)
    {
        BlobName upload = new(UploadName.Container(masked.Silo), UploadName.Masked(job, masked.Round, masked.Rid, masked.Update.Attempt));
        ExpectedEnvelope expected = new(masked.Rid, masked.Idx, masked.Update.Length, masked.Update.Sha256);
        try
        {
            await ingest.RunAsync(upload, expected, SecureShelf.Vector(job, masked.Round, masked.Rid, masked.Idx), cancellation);
            return new UpdateVerified(time.GetUtcNow(), masked.Silo, masked.Rid, masked.Update);
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            return new UpdateRejected(time.GetUtcNow(), masked.Silo, masked.Rid, masked.Update, error.Code.Name);
        }
    }

    private async Task ShowListAsync(RunId job, SendU3 send, CancellationToken cancellation)
    {
        List<DsseEnvelope> announced = [];
        foreach ((int idx, MaskedReference reference) in send.Masked)
        {
            announced.Add(await archive.Shelf.EnvelopeAsync(SecureShelf.Masked(job, send.Round, send.Body.Rid, idx, reference.Identity), cancellation));
        }

        DsseEnvelope list = await post.SignAsync(send.Body, cancellation);
        await archive.Shelf.PutAsync(SecureShelf.U3List(job, send.Round, send.Body.Rid), list, cancellation);
        await post.SendAsync(send.To, SecureFrame.U3List, job, send.Round, [list], new Parcel { Envelopes = [.. announced] }, cancellation);
    }

    private async Task AgreeAsync(RunId job, SendAgreement send, CancellationToken cancellation)
    {
        List<DsseEnvelope> agreed = [];
        foreach ((int idx, Sha256Digest identity) in send.Agreed)
        {
            agreed.Add(await archive.Shelf.EnvelopeAsync(SecureShelf.Consistency(job, send.Round, send.Rid, idx, identity), cancellation));
        }

        await post.SendAsync(send.To, SecureFrame.Agreement, job, send.Round, [], new Parcel { Envelopes = [.. agreed] }, cancellation);
    }

    private async Task ConcludeAsync(RunId job, SendSecureResult send, CancellationToken cancellation)
    {
        DsseEnvelope result = await post.SignAsync(send.Body, cancellation);
        await archive.Shelf.PutAsync(SecureShelf.Result(job, send.Round, send.Body.Rid), result, cancellation);
        await post.SendAsync(send.To, SecureFrame.Result, job, send.Round, [result, await SignAsync(send.Version, cancellation)], [], cancellation);
    }

    private Task<DsseEnvelope> SignAsync(VersionBody version, CancellationToken cancellation) =>
        post.SignAsync(RunBody.PayloadType, Jcs.Serialize(version, RunBodyJson.Default.VersionBody), cancellation);
}
