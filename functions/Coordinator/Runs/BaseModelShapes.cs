// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Coordinator.Runs;

/// <summary>The shapes of base models, read from the headers of their stored weights; the weights themselves are never loaded here.</summary>
/// <param name="store">The storage.</param>
public sealed class BaseModelShapes(IBlobStore store)
{
    // Runs go on side by side.
    private readonly ConcurrentDictionary<Sha256Digest, SafetensorsHeader> _headers = [];

    /// <summary>The adapter's layout for a plan.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>safetensors_malformed</c>, <c>target_module_unmatched</c>, <c>rank_out_of_range</c>.</exception>
    public async Task<AdapterLayout> LayoutAsync(RunConfig config, CancellationToken cancellation)
    {
        if (!_headers.TryGetValue(config.BaseModel, out SafetensorsHeader? header))
        {
            using BlobRead read = await store.OpenReadAsync(StorageNames.BaseModel(config.BaseModel, "model.safetensors"), 0, null, cancellation)
                ?? throw new FedCloudException(ErrorCodes.BaseModelMissing, $"there is no base model {config.BaseModel.Hex[..16]}… in the storage", "upload it with 'fedcloud run submit --base DIR'");
            header = await Task.Run(() => SafetensorsHeader.Read(read.Content, read.BlobLength, SafetensorsLimits.BaseModel, "model.safetensors"), cancellation);
            _headers[config.BaseModel] = header;
        }

        return new AdapterLayout(LinearShape.Select(header.Tensors, config.Lora.TargetModules, config.Lora.Rank), config.Lora.Rank);
    }
}
