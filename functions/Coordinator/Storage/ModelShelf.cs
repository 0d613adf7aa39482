// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Coordinator.Storage;

/// <summary>Base models and adapter versions in the container <c>models</c>.</summary>
/// <param name="store">The storage.</param>
/// <param name="federation">The federation.</param>
public sealed class ModelShelf(IBlobStore store, FederationId federation)
{
    private const int MaxJsonBytes = 1 << 20;

    /// <summary>Stores a file of a base model, whose digest the manifest will confirm.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>: the file is none of the known ones.</exception>
    public async Task PutBaseFileAsync(Sha256Digest digest, string file, string path, CancellationToken cancellation)
    {
        if (!BaseModelManifest.IsFileName(file))
        {
            throw new FedCloudException(ErrorCodes.BaseModelMissing, "expected config.json, tokenizer.json, model.safetensors, model.safetensors.index.json or model-NNNNN-of-NNNNN.safetensors, found another file name");
        }

        // A taken name is right or wrong when the manifest comes: then every file is read and compared.
        await store.PutIfAbsentAsync(StorageNames.BaseModel(digest, file), BlobContent.OfFile(path), cancellation);
    }

    /// <summary>Stores a base model's manifest after checking every stored file against it.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>base_model_corrupt</c>.</exception>
    public async Task PutBaseManifestAsync(Sha256Digest digest, byte[] manifest, string scratch, CancellationToken cancellation)
    {
        BaseModelManifest parsed = BaseModelManifest.Parse(manifest);
        if (parsed.Digest() != digest)
        {
            throw new FedCloudException(ErrorCodes.BaseModelCorrupt, "the manifest has another digest than the address names");
        }

        using TemporaryFolder folder = new(scratch);
        foreach (BaseModelFile file in parsed.Files)
        {
            BlobName name = StorageNames.BaseModel(digest, file.Name);
            try
            {
                await BlobFiles.DownloadAsync(store, name, folder.File(file.Name), file.Sha256, cancellation);
            }
            catch (FedCloudException error) when (error.Code == ErrorCodes.BaseModelCorrupt)
            {
                // A broken upload must not stay under the name, or a repeated one would find it taken.
                await store.DeleteAsync(name, lease: null, cancellation);
                throw;
            }
        }

        await store.PutOnceAsync(StorageNames.BaseModel(digest, "manifest.json"), manifest, cancellation);
    }

    /// <summary>Whether a base model is stored in full.</summary>
    public async Task<bool> HasBaseAsync(Sha256Digest digest, CancellationToken cancellation) =>
        await store.ReadAsync(StorageNames.BaseModel(digest, "manifest.json"), MaxJsonBytes, cancellation) is not null;

    /// <summary>All adapter versions.</summary>
    public async Task<ModelList> ListAsync(CancellationToken cancellation)
    {
        List<VersionManifest> manifests = [];
        List<(string Adapter, VersionManifest Manifest)> found = [];
        Dictionary<string, ChannelPointer> latest = new(StringComparer.Ordinal);
        string prefix = $"adapters/{federation.Value}/";
        await foreach (BlobItem item in store.ListAsync(StorageNames.Models, prefix, cancellation))
        {
            string adapter = item.Path[prefix.Length..].Split('/')[0];
            if (item.Path.EndsWith("/manifest.json", StringComparison.Ordinal) && await JsonAsync(item, DocumentJson.Default.VersionManifest, cancellation) is { } manifest)
            {
                found.Add((adapter, manifest));
            }
            else if (item.Path.EndsWith("/channels/latest.json", StringComparison.Ordinal) && await JsonAsync(item, DocumentJson.Default.ChannelPointer, cancellation) is { } pointer)
            {
                latest[adapter] = pointer;
            }
        }

        return new ModelList(
        [
            .. found.Select(entry => new ModelSummary(
                entry.Adapter,
                entry.Manifest.Job,
                entry.Manifest.Version,
                entry.Manifest.Sha256,
                latest.TryGetValue(entry.Adapter, out ChannelPointer? pointer) && pointer.Job == entry.Manifest.Job && pointer.Version == entry.Manifest.Version)),
        ]);
    }

    /// <summary>Opens a version's bytes.</summary>
    /// <exception cref="FedCloudException"><c>model_missing</c>.</exception>
    public async Task<BlobRead> OpenAsync(string adapter, RunId job, int version, CancellationToken cancellation) =>
        await store.OpenReadAsync(StorageNames.Version(federation, Identifier.Require(adapter, "adapter name"), job, version), 0, null, cancellation)
        ?? throw new FedCloudException(ErrorCodes.ModelMissing, $"there is no version {version} of {adapter} in run {job}");

    private async Task<T?> JsonAsync<T>(BlobItem item, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class =>
        await store.ReadAsync(new BlobName(StorageNames.Models, item.Path), MaxJsonBytes, cancellation) is { } read ? JsonSerializer.Deserialize(read.Bytes, type) : null;
}
