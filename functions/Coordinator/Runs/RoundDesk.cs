// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Coordinator.Runs;

/// <summary>Checks what silos say about rounds under secure aggregation against the round, and stores it before its run hears of it.</summary>
/// <param name="archive">What is stored.</param>
/// <param name="find">Finds a run.</param>
public sealed class RoundDesk(EpochArchive archive, Func<RunId, CancellationToken, Task<RunState?>> find)
{
    /// <summary>Takes a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="at">The coordinator's time.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The event of its run; null where no such round is in progress any more.</returns>
    /// <exception cref="FedCloudException">
    /// <c>signature_invalid</c>: not the index of the signer. <c>masked_invalid</c>, <c>consistency_invalid</c>: not of this round.
    /// <c>upload_name_refused</c> or <c>update_missing</c>: no upload under a name that the round offers to this silo.
    /// </exception>
    public async Task<SiloMessage.ForRun?> TakeAsync(RoundMessage message, DateTimeOffset at, CancellationToken cancellation)
    {
        return message switch
        {
            RoundMessage.Masked masked => await MaskedAsync(masked, at, cancellation),
            RoundMessage.Consistency consistency => await AgreeAsync(consistency, at, cancellation),
            RoundMessage.Unmask unmask => await UnmaskAsync(unmask, at, cancellation),
            RoundMessage.Burned burned => await BurnAsync(burned, at, cancellation),
            _ => throw new ArgumentOutOfRangeException(nameof(message), message?.GetType().Name, "an unknown message"),
        };
    }

    private async Task<SiloMessage.ForRun?> MaskedAsync(RoundMessage.Masked message, DateTimeOffset at, CancellationToken cancellation)
    {
        MaskedBody body = message.Body;
        if (await FindAsync(message.Run, body.Rid, cancellation) is not { Round: { } round } run)
        {
            return null;
        }

        RequireMember(round, message.Silo, body.Idx);
        RunId job = round.Start.Job;
        bool isPrivate = run.Config.Privacy.IsClaimed;
        if ((body.LedgerHead == Sha256Digest.Zero) == isPrivate)
        {
            throw new FedCloudException(ErrorCodes.MaskedInvalid, $"silo {body.Idx}: expected {(isPrivate ? "a ledger head, since the plan has a privacy claim, found none" : "no ledger head in a run without privacy, found one")}");
        }

        UpdateReference update = new()
        {
            Sha256 = body.YSha256,
            Length = body.YLen,
            Weight = 0,
            Attempt = AttemptOf(message.Silo, message.Upload, attempt => UploadName.Masked(job, round.Round, round.Rid, attempt)),
            EnvelopeLength = message.Upload.Length,
            Masked = new MaskedReference(message.Envelope.Identity, body.JournalHead, body.LedgerHead),
        };
        await archive.Shelf.PutAsync(SecureShelf.Masked(job, round.Round, round.Rid, body.Idx, message.Envelope.Identity), message.Envelope, cancellation);

        // The blob's name is not signed: the same body with another name is another event, see RoundMachine.
        return new(job, $"{message.Id}/{update.Attempt}", new UpdateAnnounced(at, message.Silo, round.Rid, update));
    }

    private async Task<SiloMessage.ForRun?> AgreeAsync(RoundMessage.Consistency message, DateTimeOffset at, CancellationToken cancellation)
    {
        ConsistencyBody body = message.Body;
        if (await FindAsync(message.Run, body.Rid, cancellation) is not { Round: { } round })
        {
            return null;
        }

        RequireMember(round, message.Silo, body.Idx);
        if (round.Secure?.List?.U3Sha256 != body.U3Sha256)
        {
            throw new FedCloudException(ErrorCodes.ConsistencyInvalid, $"silo {body.Idx} agrees to another list than the round's");
        }

        Sha256Digest identity = message.Envelope.Identity;
        await archive.Shelf.PutAsync(SecureShelf.Consistency(round.Start.Job, round.Round, round.Rid, body.Idx, identity), message.Envelope, cancellation);
        return new(round.Start.Job, message.Id, new ConsistencyReceived(at, message.Silo, round.Rid, body.U3Sha256, identity));
    }

    // Only the silo can have put a blob there. So one that exists is its own, and a forged frame cannot make its shares seem missing.
    private async Task<SiloMessage.ForRun?> UnmaskAsync(RoundMessage.Unmask message, DateTimeOffset at, CancellationToken cancellation)
    {
        if (message.Run is not { } job || await find(job, cancellation) is not { Round: { Secure: not null } round } || !round.Members.ContainsKey(message.Silo))
        {
            return null;
        }

        int attempt = AttemptOf(message.Silo, message.Upload, attempt => UploadName.Unmask(round.Start.Job, round.Round, round.Rid, attempt));
        BlobName name = new(message.Upload.Container, message.Upload.Name);
        using BlobRead upload = await archive.Shelf.Store.OpenReadAsync(name, 0, null, cancellation)
            ?? throw new FedCloudException(ErrorCodes.UpdateMissing, $"{name}: expected an upload, found none");
        return new(round.Start.Job, name.ToString(), new UnmaskReceived(at, message.Silo, round.Rid, new UnmaskReference(attempt, upload.BlobLength)));
    }

    // Its round is over, and perhaps the roster of its epoch too: the index is that of the epoch, which the round's start names.
    private async Task<SiloMessage.ForRun?> BurnAsync(RoundMessage.Burned message, DateTimeOffset at, CancellationToken cancellation)
    {
        BurnedBody body = message.Body;
        if (await find(body.Job, cancellation) is not { } run
            || !run.Unfinished.Any(earlier => earlier.Rid == body.Rid && earlier.Round == body.Round)
            || await archive.Shelf.FindAsync(SecureShelf.Start(body.Job, body.Round, body.Rid), cancellation) is not { } start)
        {
            return null;
        }

        Sha256Digest sid = SecureAggregationBody.Parse<RoundStartBody>(start.Payload).Sid;
        if ((await archive.KeysOfAsync(sid, cancellation)).GetValueOrDefault(body.Idx) is not { } key || !message.Envelope.IsSignedBy(key))
        {
            throw new FedCloudException(ErrorCodes.SignatureInvalid, $"{message.Silo} is not silo {body.Idx} of the round's epoch, which its body names");
        }

        Sha256Digest identity = message.Envelope.Identity;
        await archive.Shelf.PutAsync(SecureShelf.Burned(body.Job, body.Round, body.Rid, body.Idx, identity), message.Envelope, cancellation);
        return new(body.Job, message.Id, new BurnedReceived(at, message.Silo, body.Idx, body.Rid, identity));
    }

    // The frame is not signed: it says where to look, and the body's round says whether that is right.
    private async Task<RunState?> FindAsync(RunId? job, Sha256Digest rid, CancellationToken cancellation) =>
        job is { } named && await find(named, cancellation) is { Round: { Secure: not null } round } run && round.Rid == rid ? run : null;

    private static void RequireMember(RoundState round, SiloId silo, int idx)
    {
        if (round.Members.GetValueOrDefault(silo)?.Idx != idx)
        {
            throw new FedCloudException(ErrorCodes.SignatureInvalid, $"{silo} is not silo {idx} of the round's cohort, which its body names");
        }
    }

    private static int AttemptOf(SiloId silo, FrameBlob upload, Func<int, string> name) =>
        string.Equals(upload.Container, UploadName.Container(silo), StringComparison.Ordinal) && UploadName.Attempt(upload.Name, name) is { } offered
            ? offered
            : throw new FedCloudException(ErrorCodes.UploadNameRefused, "expected one of the names that the round offers to this silo, found another");
}
