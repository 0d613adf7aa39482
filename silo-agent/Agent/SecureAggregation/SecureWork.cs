// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Budgets;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Messaging;
using FedCloud.SiloAgent.Runs;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>Carries out the effects of secure aggregation: keys, shares, masks, and the messages about them. Each effect done twice has the same result as once.</summary>
/// <param name="store">The storage.</param>
/// <param name="home">The home folder.</param>
/// <param name="post">Sends to the coordinator.</param>
/// <param name="vault">The epochs' secrets.</param>
/// <param name="files">What was verified before.</param>
/// <param name="models">Plans and models.</param>
/// <param name="report">Takes phase, run, round and detail for the terminal.</param>
/// <param name="time">The clock.</param>
public sealed class SecureWork(
    IBlobStore store, SiloHome home, CoordinatorPost post, EpochVault vault, EpochFiles files, ModelCache models, Action<string, RunId?, int?, string> report, TimeProvider time)
{
    private readonly string _up = UploadName.Container(home.Invitation.SiloId);

    /// <summary>Makes the secrets of an epoch, or reads those that were made before.</summary>
    public EpochKeysMade MakeKeys(MakeEpochKeys effect)
    {
        ArgumentNullException.ThrowIfNull(effect);
        using EpochSecrets secrets = vault.MakeOrRead(effect.Parameters, effect.Idx, RandomNumberGenerator.Fill);
        return new EpochKeysMade(time.GetUtcNow(), effect.Parameters.Sid(), secrets.Advertise(effect.Parameters));
    }

    /// <summary>Deals the shares for the stored list.</summary>
    public SharesDealt Deal(SiloEpoch epoch)
    {
        ArgumentNullException.ThrowIfNull(epoch);
        using EpochSecrets secrets = vault.Read(epoch.Sid);
        using DealtShares dealt = DealtShares.Deal(files.Members(epoch), secrets);
        Parcel parcel = new()
        {
            Parts = dealt.Ciphertexts.Select(part => (Name: Parcel.Ciphertext(part.Key), Bytes: part.Value))
                .Concat(dealt.Commitments.Select(part => (Name: Parcel.Slice(part.Key), Bytes: part.Value.Slice.ToArray())))
                .ToImmutableSortedDictionary(part => part.Name, part => part.Bytes, StringComparer.Ordinal),
        };
        vault.PutOwnShares(epoch.Sid, dealt.Own);
        files.KeepShares(epoch, parcel.ToJson());
        return new SharesDealt(time.GetUtcNow(), epoch.Sid, dealt.Body);
    }

    /// <summary>Uploads and sends E3. From here on the seed of the coefficients serves nobody.</summary>
    public async Task SendSharesAsync(SiloEpoch epoch, SharesBody body, CancellationToken cancellation)
    {
        byte[] parcel = files.Shares(epoch);
        string name = UploadName.Shares(epoch.Sid);

        // A taken name is our own, of a try whose answer was lost: the bytes never change.
        await store.PutIfAbsentAsync(new BlobName(_up, name), BlobContent.Of(parcel), cancellation);
        FrameBlob claim = new() { Role = SecureFrame.Shares, Container = _up, Name = name, Length = parcel.Length, Sha256 = Sha256Digest.Of(parcel) };
        await SendAsync(SecureFrame.Shares, null, null, body, [], [claim], cancellation);
        vault.EraseCoefficientSeed(epoch.Sid);
    }

    /// <summary>Charges the round, then clips, quantises and masks its update.</summary>
    /// <param name="effect">The round.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="slot">Its slot.</param>
    /// <param name="journalHead">The journal's head before the line that will record the vector.</param>
    /// <param name="budget">The silo's privacy budget.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task<SiloEvent> MaskAsync(MaskUpdate effect, SiloEpoch epoch, SiloSlot slot, Sha256Digest journalHead, BudgetDesk budget, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(budget);
        ArgumentNullException.ThrowIfNull(effect);
        ArgumentNullException.ThrowIfNull(epoch);
        RoundOpening start = effect.Start;
        try
        {
            RunConfig plan = models.Plan(start.Job);
            AdapterLayout layout = AdapterLayout.Of(plan, await models.BaseModelAsync(plan, cancellation));
            ExchangedFactor exchanged = plan.FactorsOf(start.ModelVersion);
            RingLayout ring = PlannedRing.LayoutOf(plan, epoch.Parameters.N, layout.UpdateCoordinates(exchanged));
            string update = Path.Combine(home.RoundFolder(start.Job, start.Round), "update.safetensors");
            Sha256Digest noiseId = ring.HasNoise ? effect.Rid : await FileDigest.OfAsync(update, cancellation);
            Sha256Digest ledgerHead = await budget.ChargeAsync(plan, start.Round, noiseId, cancellation);
            using EpochSecrets secrets = vault.Read(epoch.Sid);
            using SecretBytes coins = vault.CoinKeyOf(start.Job, start.Round);
            using SecretBytes? noise = ring.HasNoise ? FreshKey() : null;
            MaskedVector masked = UpdateMasker.Mask(
                new MaskingJob
                {
                    Scope = files.Scope(epoch, slot),
                    Layout = ring,
                    Secrets = secrets,
                    UpdatePath = update,
                    HeaderBytes = layout.UpdateHeader(exchanged, RoundWork.UpdateType(plan)).Length,
                    Coordinates = layout.UpdateCoordinates(exchanged),
                    Weight = PlannedRing.WeightOf(plan, ring, effect.Weight),
                    ClampLimit = (double)plan.Aggregation.Secure.ClampLimit,
                    IsSummed = plan.Privacy.IsRecordOnRing,
                    CoinKey = coins,
                    NoiseKey = noise,
                    Folder = home.RoundFolder(start.Job, start.Round),
                },
                cancellation);
            if (masked.Figures is { } figures)
            {
                report("masked", start.Job, start.Round, string.Create(CultureInfo.InvariantCulture, $"norm {figures.Norm:G4}{(figures.Clipped ? " (clipped)" : string.Empty)}, {figures.ClampedShare:P3} of the coordinates clamped"));
            }

            return new UpdateMasked(time.GetUtcNow(), start.Job, new MaskedBody
            {
                Rid = effect.Rid,
                Idx = effect.Idx,
                YSha256 = masked.YSha256,
                YLen = masked.YLen,
                LedgerHead = ledgerHead,
                JournalHead = journalHead,
            });
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            return new TrainingFailed(time.GetUtcNow(), start.Job, effect.Rid, error.Code.Name);
        }
    }

    /// <summary>Encrypts the masked vector with a fresh data key and uploads it under the attempt's name.</summary>
    public async Task<SiloEvent> UploadAsync(UploadMasked effect, KekCurrentBody wrapping, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(effect);
        MaskedBody body = effect.Body;
        string path = UpdateMasker.PathOf(home.RoundFolder(effect.Start.Job, effect.Start.Round), body.Rid);
        if (!File.Exists(path))
        {
            return new TrainingFailed(time.GetUtcNow(), effect.Start.Job, body.Rid, ErrorCodes.FileMissing.Name);
        }

        await SealedFile.WriteAsync(() => File.OpenRead(path), body.YLen, body.YSha256, body.Rid, body.Idx, wrapping, SealedPath(effect.Start), cancellation);
        BlobName name = new(_up, UploadName.Masked(effect.Start.Job, effect.Start.Round, body.Rid, effect.Attempt));
        return await store.PutIfAbsentAsync(name, BlobContent.OfFile(SealedPath(effect.Start)), cancellation) is PutOutcome.Written
            ? new UpdateUploaded(time.GetUtcNow(), effect.Start.Job, body.Rid, effect.Attempt)
            : new UploadRefused(time.GetUtcNow(), effect.Start.Job, body.Rid, effect.Attempt);
    }

    /// <summary>Sends R2.</summary>
    /// <param name="effect">The announcement.</param>
    /// <param name="charges">Signed log entries that come before it: with a privacy claim, that of the charge.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task SendMaskedAsync(SendMasked effect, ImmutableArray<DsseEnvelope> charges, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(effect);
        RoundOpening start = effect.Start;
        string name = UploadName.Masked(start.Job, start.Round, effect.Body.Rid, effect.Attempt);
        FrameBlob claim = await SealedFile.ClaimAsync(SecureFrame.Masked, _up, name, SealedPath(start), cancellation);
        ImmutableArray<DsseEnvelope> figures = effect.Metrics is { } metrics
            ? [await home.SignAsync(SiloHome.IdentityKey, RunBody.MetricsPayloadType, Jcs.Serialize(metrics, RunBodyJson.Default.MetricsBody), cancellation)]
            : [];
        await SendAsync(SecureFrame.Masked, start.Job, start.Round, effect.Body, [.. charges, .. figures], [claim], cancellation);
        report("sent", start.Job, start.Round, string.Empty);
    }

    /// <summary>Reveals the shares that open the agreed list, encrypted for the coordinator (R6).</summary>
    public async Task SendUnmaskAsync(SendUnmask effect, SiloEpoch epoch, SiloSlot slot, KekCurrentBody wrapping, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(effect);
        UnmaskBody body;
        using (HeldShares held = vault.ReadHeld(epoch.Sid, effect.Slot))
        {
            body = held.Unmask(files.Scope(epoch, slot), files.Agreed(epoch, effect.Slot, slot));
        }

        DsseEnvelope signed = await home.SignAsync(SiloHome.IdentityKey, Fcsa1.PayloadType, SecureAggregationBody.Encode(body), cancellation);
        byte[] plaintext = JsonSerializer.SerializeToUtf8Bytes(signed, FrameJson.Default.DsseEnvelope);
        string path = Path.Combine(home.RoundFolder(effect.Job, effect.Round), "unmask.envelope");
        await SealedFile.WriteAsync(() => new MemoryStream(plaintext), plaintext.Length, Sha256Digest.Of(plaintext), effect.Rid, body.Idx, wrapping, path, cancellation);
        CryptographicOperations.ZeroMemory(plaintext);
        string name = await PutFreeAsync(attempt => UploadName.Unmask(effect.Job, effect.Round, effect.Rid, attempt), path, cancellation);
        FrameBlob claim = await SealedFile.ClaimAsync(SecureFrame.Unmask, _up, name, path, cancellation);
        await post.SendAsync(SecureFrame.Unmask, effect.Job, effect.Round, [], [claim], cancellation);
        report("revealed", effect.Job, effect.Round, string.Empty);
    }

    /// <summary>Says which epochs are held here.</summary>
    public async Task ReportAsync(ReportEpochs effect, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(effect);
        EpochReportBody body = new() { Type = EpochBody.Report, Federation = home.Invitation.Federation, Sids = effect.Sids };
        DsseEnvelope signed = await home.SignAsync(SiloHome.IdentityKey, EpochBody.PayloadType, Jcs.Serialize(body, EpochBodyJson.Default.EpochReportBody), cancellation);
        await post.SendAsync(SecureFrame.EpochReport, run: null, round: null, [signed], [], cancellation);
    }

    // Never written down: a masking that a crash cuts short begins again with other noise, and only one vector of a slot ever leaves.
    private static SecretBytes FreshKey()
    {
        SecretBytes key = new(32);
        RandomNumberGenerator.Fill(key.Span);
        return key;
    }

    /// <summary>Signs and sends a body that travels alone.</summary>
    /// <typeparam name="T">The body.</typeparam>
    public Task SendAsync<T>(string type, RunId? job, int? round, T body, CancellationToken cancellation)
        where T : class, ISecureAggregationBody<T> => SendAsync(type, job, round, body, [], [], cancellation);

    /// <summary>Erases a slot.</summary>
    public void Erase(EraseSlot effect)
    {
        ArgumentNullException.ThrowIfNull(effect);
        vault.EraseSlot(effect.Sid, effect.Slot);
    }

    /// <summary>Erases an epoch.</summary>
    public void Erase(EraseEpoch effect)
    {
        ArgumentNullException.ThrowIfNull(effect);
        vault.EndEpoch(effect.Sid);
    }

    /// <summary>Erases the keys of the coins of rounds that are over.</summary>
    public void Forget(RunId job, IEnumerable<int> rounds)
    {
        ArgumentNullException.ThrowIfNull(rounds);
        foreach (int round in rounds)
        {
            vault.ForgetCoinKey(job, round);
        }
    }

    private async Task SendAsync<T>(string type, RunId? job, int? round, T body, ImmutableArray<DsseEnvelope> beside, ImmutableArray<FrameBlob> blobs, CancellationToken cancellation)
        where T : class, ISecureAggregationBody<T>
    {
        DsseEnvelope signed = await home.SignAsync(SiloHome.IdentityKey, Fcsa1.PayloadType, SecureAggregationBody.Encode(body), cancellation);
        await post.SendAsync(type, job, round, [signed, .. beside], blobs, cancellation);
    }

    // A name that is taken was ours before a crash; the round offers several, since nothing can be overwritten.
    private async Task<string> PutFreeAsync(Func<int, string> name, string path, CancellationToken cancellation)
    {
        for (int attempt = 0; attempt < UploadName.Attempts; attempt++)
        {
            if (await store.PutIfAbsentAsync(new BlobName(_up, name(attempt)), BlobContent.OfFile(path), cancellation) is PutOutcome.Written)
            {
                return name(attempt);
            }
        }

        return name(UploadName.Attempts - 1);
    }

    private string SealedPath(RoundOpening start) => Path.Combine(home.RoundFolder(start.Job, start.Round), "update.envelope");
}
