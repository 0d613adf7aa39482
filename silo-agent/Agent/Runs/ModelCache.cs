// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Aggregation;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Safetensors;
using FedCloud.SiloAgent.Homes;

namespace FedCloud.SiloAgent.Runs;

/// <summary>Plans, base models and adapter versions at the silo, each checked against its digest before use.</summary>
/// <param name="store">The storage.</param>
/// <param name="home">The home folder.</param>
public sealed class ModelCache(IBlobStore store, SiloHome home) : IDisposable
{
    private const string Models = "models";
    private const int MaxPlanBytes = 256 * 1024;

    private readonly SemaphoreSlim _fetching = new(1, 1);

    /// <summary>Fetches a plan and keeps it.</summary>
    /// <exception cref="FedCloudException"><c>plan_not_approved</c>: other bytes than the offer names; or why the plan is not valid.</exception>
    public async Task<RunConfig> FetchPlanAsync(RunId job, Sha256Digest expected, CancellationToken cancellation)
    {
        (byte[] bytes, _) = await store.ReadAsync(new BlobName(Models, $"runs/{job.Value}/config.json"), MaxPlanBytes, cancellation)
            ?? throw new FedCloudException(ErrorCodes.RunMissing, $"there is no plan of run {job} in the storage");
        RunConfig plan = RunConfig.Parse(bytes);
        if (Sha256Digest.Of(bytes) != expected || plan.Job != job)
        {
            throw new FedCloudException(ErrorCodes.PlanNotApproved, "the plan in the storage is not the one that was offered");
        }

        WholeFile.Write(home.PlanPath(job), bytes);
        return plan;
    }

    /// <summary>The plan of a run that was offered before.</summary>
    public RunConfig Plan(RunId job) => RunConfig.Parse(File.ReadAllBytes(home.PlanPath(job)));

    /// <summary>The folder of the plan's base model, fetched when it is not there.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>base_model_corrupt</c>.</exception>
    public async Task<string> BaseModelAsync(RunConfig plan, CancellationToken cancellation)
    {
        string folder = home.BaseModelFolder(plan);
        string complete = Path.Combine(folder, "complete");
        await _fetching.WaitAsync(cancellation);
        try
        {
            if (!File.Exists(complete))
            {
                await FetchBaseModelAsync(plan, folder, cancellation);
                WholeFile.Write(complete, ReadOnlyMemory<byte>.Empty);
            }

            return folder;
        }
        finally
        {
            _fetching.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _fetching.Dispose();

    /// <summary>Puts a version into a file. Version 0 is recomputed from the plan, never fetched.</summary>
    /// <exception cref="FedCloudException"><c>model_not_in_chain</c>: other bytes than the signed digest.</exception>
    public async Task VersionAsync(RunConfig plan, AdapterLayout layout, ModelReference version, string path, CancellationToken cancellation)
    {
        if (version.Version == 0)
        {
            ModelVersionFile.WriteInitial(path, plan, layout);
        }
        else
        {
            string name = string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"adapters/{plan.Federation.Value}/{plan.Adapter}/{plan.Job.Value}/v{version.Version:D6}/version.safetensors");
            long expected = ExpectedLength(plan, layout);
            await FetchAsync(name, path, expected, cancellation);
        }

        await using FileStream file = File.OpenRead(path);
        if (Sha256Digest.FromBytes(await SHA256.HashDataAsync(file, cancellation)) != version.Sha256)
        {
            throw new FedCloudException(ErrorCodes.ModelNotInChain, $"version {version.Version} has another digest than the coordinator signed");
        }
    }

    private async Task FetchBaseModelAsync(RunConfig plan, string folder, CancellationToken cancellation)
    {
        string prefix = $"base/{plan.BaseModel.Hex}/";
        (byte[] bytes, _) = await store.ReadAsync(new BlobName(Models, prefix + "manifest.json"), MaxPlanBytes, cancellation)
            ?? throw new FedCloudException(ErrorCodes.BaseModelMissing, "the storage does not hold the plan's base model");
        BaseModelManifest manifest = BaseModelManifest.Parse(bytes);
        if (manifest.Digest() != plan.BaseModel)
        {
            throw new FedCloudException(ErrorCodes.BaseModelCorrupt, "the stored manifest has another digest than the plan names");
        }

        foreach (BaseModelFile file in manifest.Files)
        {
            await FetchAsync(prefix + file.Name, Path.Combine(folder, file.Name), file.Length, cancellation);
        }

        manifest.RequireFolder(folder);
    }

    // The number in the metadata may add a few digits; everything else follows from plan and base model.
    private static long ExpectedLength(RunConfig plan, AdapterLayout layout)
    {
        const int Slack = 64;
        System.Collections.Immutable.ImmutableArray<TensorEntry> entries = ModelVersionFile.Entries(layout, new ServerOptimizer(plan.Aggregation.ServerOptimizer));
        return SafetensorsWriter.HeaderBytes(entries).Length + entries.Sum(entry => entry.ByteLength) + Slack;
    }

    private async Task FetchAsync(string name, string path, long maxBytes, CancellationToken cancellation)
    {
        using BlobRead read = await store.OpenReadAsync(new BlobName(Models, name), 0, null, cancellation)
            ?? throw new FedCloudException(ErrorCodes.ModelMissing, $"the storage does not hold {name}");
        if (read.BlobLength > maxBytes)
        {
            throw new FedCloudException(ErrorCodes.BlobTooLarge, $"{name}: expected at most {maxBytes} bytes, found {read.BlobLength}");
        }

        await WholeFile.CopyAsync(read.Content, path, cancellation);
    }
}
