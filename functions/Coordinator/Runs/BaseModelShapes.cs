// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Coordinator.Runs;

/// <summary>The shapes of base models, read from their stored configuration and the headers of their weights; the weights themselves are never loaded here.</summary>
/// <param name="store">The storage.</param>
public sealed class BaseModelShapes(IBlobStore store)
{
    private const int MaxManifestBytes = 1 << 20;

    // Runs go on side by side.
    private readonly ConcurrentDictionary<Sha256Digest, BaseModelTensors> _tensors = [];

    /// <summary>The adapter's layout for a plan.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>safetensors_malformed</c>, <c>weight_index_malformed</c>, <c>target_module_unmatched</c>, <c>rank_out_of_range</c>.</exception>
    public async Task<AdapterLayout> LayoutAsync(RunConfig config, CancellationToken cancellation)
    {
        if (!_tensors.TryGetValue(config.BaseModel, out BaseModelTensors? tensors))
        {
            tensors = await ReadAsync(config.BaseModel, cancellation);
            _tensors[config.BaseModel] = tensors;
        }

        return AdapterLayout.Of(tensors.Tensors, config.Lora.TargetModules, config.Lora.Form());
    }

    /// <summary>Refuses a plan whose sequences are longer than the base model has positions.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>sequence_too_long</c>.</exception>
    public async Task RequirePositionsAsync(RunConfig config, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(config);
        BlobName name = StorageNames.BaseModel(config.BaseModel, BaseModelManifest.Configuration);
        (byte[] configuration, _) = await store.ReadAsync(name, BaseModelFit.MaxConfigurationBytes, cancellation) ?? throw Missing(config.BaseModel);
        BaseModelFit.RequirePositions(config, configuration);
    }

    private async Task<BaseModelTensors> ReadAsync(Sha256Digest digest, CancellationToken cancellation)
    {
        // Which files count is the manifest's to say: only what it names was compared with its digests.
        (byte[] manifest, _) = await store.ReadAsync(StorageNames.BaseModel(digest, "manifest.json"), MaxManifestBytes, cancellation) ?? throw Missing(digest);
        ImmutableArray<string> files = BaseModelManifest.Parse(manifest).WeightFiles;
        List<(string, SafetensorsHeader)> headers = [];
        foreach (string file in files)
        {
            headers.Add((file, await HeaderAsync(digest, file, cancellation)));
        }

        return BaseModelTensors.Of(headers, files is [BaseModelTensors.SingleFile] ? null : await IndexAsync(digest, cancellation));
    }

    private async Task<SafetensorsIndex> IndexAsync(Sha256Digest digest, CancellationToken cancellation)
    {
        (byte[] bytes, _) = await store.ReadAsync(StorageNames.BaseModel(digest, SafetensorsIndex.FileName), SafetensorsIndex.MaxBytes, cancellation) ?? throw Missing(digest);
        return SafetensorsIndex.Parse(bytes);
    }

    private async Task<SafetensorsHeader> HeaderAsync(Sha256Digest digest, string file, CancellationToken cancellation)
    {
        using BlobRead read = await store.OpenReadAsync(StorageNames.BaseModel(digest, file), 0, null, cancellation) ?? throw Missing(digest);
        return await Task.Run(() => SafetensorsHeader.Read(read.Content, read.BlobLength, SafetensorsLimits.BaseModel, file), cancellation);
    }

    private static FedCloudException Missing(Sha256Digest digest) =>
        new(ErrorCodes.BaseModelMissing, $"there is no base model {digest.Hex[..16]}… in the storage", "upload it with 'fedcloud run submit --base DIR'");
}
