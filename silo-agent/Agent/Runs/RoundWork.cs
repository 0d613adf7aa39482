// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Jobs;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Budgets;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Policies;

namespace FedCloud.SiloAgent.Runs;

/// <summary>The heavy work of a round: prepare the job folder, run the trainer, read its result, encrypt and upload.</summary>
/// <param name="store">The storage.</param>
/// <param name="home">The home folder.</param>
/// <param name="policy">The verified policy.</param>
/// <param name="models">Plans and models.</param>
/// <param name="trainer">Runs jobs.</param>
/// <param name="budget">The silo's privacy budget.</param>
/// <param name="report">Takes the trainer's progress lines, with run and round.</param>
/// <param name="time">The clock.</param>
/// <param name="baseWeights">How trainers store the base model: <c>f32</c>, <c>bf16</c> or <c>int8</c>.</param>
/// <param name="device">What the trainer computes on; null for its own choice.</param>
public sealed class RoundWork(
    IBlobStore store, SiloHome home, SiloPolicy policy, ModelCache models, ITrainer trainer, BudgetDesk budget, Action<RunId, int, JsonElement> report, TimeProvider time, string baseWeights, JobDevice? device = null)
{
    private const int TrainerStarts = 3;

    private static readonly ImmutableSortedDictionary<string, string> Nothing = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Trains a round.</summary>
    public async Task<SiloEvent> TrainAsync(Train effect, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(effect);
        RoundOpening start = effect.Start;
        try
        {
            RunConfig plan = models.Plan(start.Job);
            ExchangedFactor exchanged = ExchangedFactorExtensions.FromWire(start.Exchanged) ?? throw new FedCloudException(ErrorCodes.BodyMalformed, "the start names unknown factors");
            string folder = home.RoundFolder(start.Job, start.Round);
            AdapterLayout layout = AdapterLayout.Of(plan, await models.BaseModelAsync(plan, cancellation));
            JobRing? ring = RequireShape(plan, layout, exchanged, start);
            await PrepareAsync(plan, layout, start.Model, start.Round, "train", start.Exchanged, start.Deadline, folder, ring, cancellation);

            TrainerOutcome outcome = await RunTrainerAsync(start.Job, start.Round, folder, cancellation);
            string update = Path.Combine(folder, "update.safetensors");
            if (!outcome.Succeeded && IsDiverged(plan, outcome))
            {
                WriteZeros(update, layout, exchanged);
            }
            else if (!outcome.Succeeded)
            {
                return new TrainingFailed(time.GetUtcNow(), start.Job, effect.Rid, ReasonOf(plan, outcome));
            }

            (Sha256Digest sha256, long length) = CheckUpdate(update, layout.UpdateHeader(exchanged, UpdateType(plan)), layout.UpdateLength(exchanged));
            return new TrainingFinished(time.GetUtcNow(), start.Job, effect.Rid, sha256, length, policy.WeightIn(plan), Disclosed(plan, folder));
        }
        catch (FedCloudException error)
        {
            return new TrainingFailed(time.GetUtcNow(), start.Job, effect.Rid, error.Code.Name);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new TrainingFailed(time.GetUtcNow(), start.Job, effect.Rid, ErrorCodes.DiskFull.Name);
        }
    }

    /// <summary>Evaluates the final model.</summary>
    public async Task<SiloEvent> EvaluateAsync(EvaluateModel effect, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(effect);
        try
        {
            RunConfig plan = models.Plan(effect.Job);
            string folder = home.RoundFolder(effect.Job, effect.Round);
            long deadline = time.GetUtcNow().AddSeconds(plan.Participation.RoundDeadline).ToUnixTimeSeconds();
            AdapterLayout layout = AdapterLayout.Of(plan, await models.BaseModelAsync(plan, cancellation));
            await PrepareAsync(plan, layout, effect.Model, effect.Round, "evaluate", "both", deadline, folder, ring: null, cancellation);
            TrainerOutcome outcome = await RunTrainerAsync(effect.Job, effect.Round, folder, cancellation);
            return new EvaluationFinished(time.GetUtcNow(), effect.Job, effect.Round, outcome.Succeeded ? Disclosed(plan, folder) : Nothing);
        }
        catch (Exception error) when (error is FedCloudException or IOException or UnauthorizedAccessException)
        {
            // Figures are optional: without them the run completes with one silo's evaluation missing.
            return new EvaluationFinished(time.GetUtcNow(), effect.Job, effect.Round, Nothing);
        }
    }

    /// <summary>Encrypts the update with a fresh data key and uploads it under the attempt's name.</summary>
    public async Task<SiloEvent> UploadAsync(UploadUpdate effect, KekCurrentBody wrapping, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(effect);
        PlainUpdateBody update = effect.Update;
        string folder = home.RoundFolder(update.Job, update.Round);
        string path = Path.Combine(folder, "update.safetensors");
        if (!File.Exists(path))
        {
            return new TrainingFailed(time.GetUtcNow(), update.Job, effect.Rid, ErrorCodes.FileMissing.Name);
        }

        string sealedPath = Path.Combine(folder, "update.envelope");
        await SealedFile.WriteAsync(() => File.OpenRead(path), update.UpdateLen, update.UpdateSha256, effect.Rid, update.Idx, wrapping, sealedPath, cancellation);
        BlobName name = new(UploadName.Container(home.Invitation.SiloId), UploadName.Path(update.Job, update.Round, effect.Attempt));
        PutOutcome outcome = await store.PutIfAbsentAsync(name, BlobContent.OfFile(sealedPath), cancellation);
        return outcome is PutOutcome.Written
            ? new UpdateUploaded(time.GetUtcNow(), update.Job, effect.Rid, effect.Attempt)
            : new UploadRefused(time.GetUtcNow(), update.Job, effect.Rid, effect.Attempt);
    }

    /// <summary>The claim check of an uploaded update.</summary>
    public Task<FrameBlob> ClaimAsync(PlainUpdateBody update, int attempt, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(update);
        string sealedPath = Path.Combine(home.RoundFolder(update.Job, update.Round), "update.envelope");
        return SealedFile.ClaimAsync("update", UploadName.Container(home.Invitation.SiloId), UploadName.Path(update.Job, update.Round, attempt), sealedPath, cancellation);
    }

    /// <summary>The type of an update's tensors: whole ring units where the trainer rounded each record, else the difference of the parameters.</summary>
    public static TensorType UpdateType(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.Privacy.IsRecordOnRing ? TensorType.I32 : TensorType.F32;
    }

    private async Task PrepareAsync(
        RunConfig plan, AdapterLayout layout, ModelReference model, int round, string mode, string exchanged, long deadline, string folder, JobRing? ring, CancellationToken cancellation)
    {
        string baseModel = await models.BaseModelAsync(plan, cancellation);
        BaseModelFit.RequirePositions(plan, baseModel);
        string adapter = Path.Combine(folder, "version.safetensors");
        await models.VersionAsync(plan, layout, model, adapter, cancellation);
        JobHost host = new()
        {
            BaseModel = baseModel,
            Adapter = adapter,
            TrainFile = policy.TrainFile,
            EvalFile = policy.EvalFile,
            Threads = policy.Threads,
            MaxMemoryMib = policy.MaxMemoryMib,
            Deadline = deadline,
            BaseWeights = baseWeights,
            Device = device,
        };
        JobPrivacy? privacy = string.Equals(mode, "train", StringComparison.Ordinal) ? await budget.PrivacyAsync(plan, cancellation) : null;
        WholeFile.Write(Path.Combine(folder, "job.json"), JobFile.Of(plan, model.Version, round, mode, exchanged, host, privacy, ring));
    }

    // What the trainer rounds records to, where it does.
    private static JobRing? RequireShape(RunConfig plan, AdapterLayout layout, ExchangedFactor exchanged, RoundOpening start)
    {
        if (start.Slot is { } slot)
        {
            RingLayout ring = PlannedRing.LayoutOf(plan, slot.Silos, layout.UpdateCoordinates(exchanged));
            if (ring.D != slot.D || ring.Ring.Bits != slot.K)
            {
                throw new FedCloudException(ErrorCodes.RoundStartInvalid, $"expected {ring.D} coordinates of {ring.Ring.Bits} bits, found {slot.D} of {slot.K}");
            }

            return plan.Privacy.IsRecordOnRing ? new JobRing(ring.Scale(0) * ring.Segments[0].Clip, ring.Limit, plan.Privacy.MaxRecords) : null;
        }

        if (layout.UpdateLength(exchanged) != start.UpdateLen || plan.FactorsOf(start.ModelVersion) != exchanged)
        {
            throw new FedCloudException(ErrorCodes.UpdateLengthMismatch, "the start asks for other tensors than plan and base model imply");
        }

        return null;
    }

    // A killed trainer goes on from its checkpoint; one that says why it failed would only say it again.
    private async Task<TrainerOutcome> RunTrainerAsync(RunId job, int round, string folder, CancellationToken cancellation)
    {
        TrainerOutcome outcome = new(false, ErrorCodes.TrainerFailed.Name, Killed: true);
        for (int start = 0; start < TrainerStarts && outcome is { Succeeded: false, Killed: true }; start++)
        {
            outcome = await trainer.RunAsync(folder, line => report(job, round, line), cancellation);
        }

        return outcome;
    }

    private static (Sha256Digest Sha256, long Length) CheckUpdate(string path, byte[] expected, long length)
    {
        using FileStream file = File.Exists(path) ? File.OpenRead(path) : throw new FedCloudException(ErrorCodes.UpdateMalformed, "the trainer left no update");
        byte[] found = new byte[expected.Length];
        if (file.Length != length || file.ReadAtLeast(found, found.Length, throwOnEndOfStream: false) < found.Length || !found.AsSpan().SequenceEqual(expected))
        {
            throw new FedCloudException(ErrorCodes.UpdateMalformed, "the trainer's update holds other tensors than the round exchanges");
        }

        file.Position = 0;
        return (Sha256Digest.FromBytes(SHA256.HashData(file)), file.Length);
    }

    // With noise on the ring for the whole silo, training that diverges must not show: the silo adds zeros, and its noise.
    private static bool IsDiverged(RunConfig plan, TrainerOutcome outcome) =>
        plan.Privacy is { IsOnRing: true, Unit: PrivacyUnit.Silo } && string.Equals(outcome.Code, ErrorCodes.LossNotFinite.Name, StringComparison.Ordinal);

    private static void WriteZeros(string path, AdapterLayout layout, ExchangedFactor exchanged)
    {
        byte[] zeros = new byte[1 << 16];
        SafetensorsWriter.WriteFile(path, layout.UpdateTensors(exchanged), metadata: null, (entry, stream) =>
        {
            for (long left = entry.Count * sizeof(float); left > 0; left -= zeros.Length)
            {
                stream.Write(zeros, 0, (int)Math.Min(left, zeros.Length));
            }
        });
    }

    // What a trainer stumbled over may follow from a record, and under a privacy claim nobody charges for telling (privacy, section 8.1).
    private static string ReasonOf(RunConfig plan, TrainerOutcome outcome) => plan.Privacy.IsClaimed ? ErrorCodes.TrainerFailed.Name : outcome.Code;

    private ImmutableSortedDictionary<string, string> Disclosed(RunConfig plan, string folder)
    {
        if (!policy.Discloses(plan))
        {
            return Nothing;
        }

        using JsonDocument metrics = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "metrics.json")));
        return metrics.RootElement.TryGetProperty("eval_loss_before", out JsonElement before) && before.GetDouble() is > -MetricsBody.Limit and < MetricsBody.Limit and double loss
            ? ImmutableSortedDictionary<string, string>.Empty.Add(MetricsBody.EvalLoss, DecimalString.Format(Math.Round((decimal)loss, 6)))
            : Nothing;
    }
}
