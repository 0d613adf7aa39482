// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Protocol.Adapters;

/// <summary>One file of a base model.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Sha256">Its digest.</param>
public sealed record BaseModelFile(string Name, long Length, Sha256Digest Sha256);

/// <summary>The files of a base model in Hugging Face format: configuration, tokenizer, and weights in one file or in several with their index. Plans name a base model by the hash of this manifest.</summary>
public sealed record BaseModelManifest
{
    /// <summary>The file that holds a base model's configuration.</summary>
    public const string Configuration = "config.json";

    private const string Tokenizer = "tokenizer.json";

    /// <summary>The files, sorted by name.</summary>
    public required ImmutableArray<BaseModelFile> Files { get; init; }

    /// <summary>The files that hold the weights, sorted.</summary>
    [JsonIgnore]
    public ImmutableArray<string> WeightFiles => [.. Files.Select(file => file.Name).Where(name => name is BaseModelTensors.SingleFile || SafetensorsIndex.IsShard(name))];

    /// <summary>Whether a base model may have a file of this name.</summary>
    public static bool IsFileName(string name) =>
        name is Configuration or Tokenizer or BaseModelTensors.SingleFile or SafetensorsIndex.FileName || SafetensorsIndex.IsShard(name);

    /// <summary>The manifest's bytes.</summary>
    public byte[] ToJcs() => Jcs.Serialize(this, BaseModelManifestJson.Default.BaseModelManifest);

    /// <summary>The digest that plans name.</summary>
    public Sha256Digest Digest() => Sha256Digest.Of(ToJcs());

    /// <summary>Reads a manifest: exactly the files that this version knows.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>json_not_canonical</c>, <c>body_malformed</c>.</exception>
    public static BaseModelManifest Parse(ReadOnlySpan<byte> bytes)
    {
        BaseModelManifest manifest = Jcs.Parse(bytes, BaseModelManifestJson.Default.BaseModelManifest, "base model manifest");
        string[] names = [.. manifest.Files.Select(file => file.Name)];
        string[] shards = [.. names.Where(SafetensorsIndex.IsShard).Distinct(StringComparer.Ordinal)];
        string[] expected = Sorted(shards.Length == 0 ? [BaseModelTensors.SingleFile] : [.. shards, SafetensorsIndex.FileName]);
        return names.SequenceEqual(expected, StringComparer.Ordinal) && manifest.Files.All(file => file.Length > 0)
            ? manifest
            : throw new FedCloudException(ErrorCodes.BaseModelMissing, $"expected the files {string.Join(", ", expected)}, found another list");
    }

    /// <summary>Describes a folder.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>weight_index_malformed</c> or <c>weight_shard_missing</c>.</exception>
    public static BaseModelManifest OfFolder(string folder)
    {
        foreach (string name in (string[])[Configuration, Tokenizer])
        {
            if (!File.Exists(Path.Combine(folder, name)))
            {
                throw new FedCloudException(ErrorCodes.BaseModelMissing, $"expected {name} in the base model's folder, found none");
            }
        }

        ImmutableArray<BaseModelFile>.Builder files = ImmutableArray.CreateBuilder<BaseModelFile>();
        (ImmutableArray<string> weights, SafetensorsIndex? index) = BaseModelTensors.FilesOf(folder);
        foreach (string name in Sorted(index is null ? weights : weights.Add(SafetensorsIndex.FileName)))
        {
            using FileStream stream = File.OpenRead(Path.Combine(folder, name));
            files.Add(new BaseModelFile(name, stream.Length, Sha256Digest.FromBytes(SHA256.HashData(stream))));
        }

        return new BaseModelManifest { Files = files.ToImmutable() };
    }

    /// <summary>Checks a folder against this manifest.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>base_model_corrupt</c>, <c>weight_index_malformed</c> or <c>weight_shard_missing</c>.</exception>
    public void RequireFolder(string folder)
    {
        BaseModelManifest found = OfFolder(folder);
        if (!Files.Select(file => file.Name).SequenceEqual(found.Files.Select(file => file.Name), StringComparer.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.BaseModelCorrupt, $"expected the files {string.Join(", ", Files.Select(file => file.Name))}, found {string.Join(", ", found.Files.Select(file => file.Name))}");
        }

        foreach ((BaseModelFile expected, BaseModelFile actual) in Files.Zip(found.Files))
        {
            if (expected != actual)
            {
                throw new FedCloudException(ErrorCodes.BaseModelCorrupt, $"{expected.Name}: expected digest {expected.Sha256.Hex[..16]}…, found {actual.Sha256.Hex[..16]}…");
            }
        }
    }

    private static string[] Sorted(IEnumerable<string> weights) => [.. weights.Append(Configuration).Append(Tokenizer).Order(StringComparer.Ordinal)];
}

/// <summary>Strict JSON of base model manifests.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(BaseModelManifest))]
public sealed partial class BaseModelManifestJson : JsonSerializerContext;
