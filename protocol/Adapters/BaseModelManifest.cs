// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Adapters;

/// <summary>One file of a base model.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Sha256">Its digest.</param>
public sealed record BaseModelFile(string Name, long Length, Sha256Digest Sha256);

/// <summary>The files of a base model in Hugging Face format. Plans name a base model by the hash of this manifest.</summary>
public sealed record BaseModelManifest
{
    private static readonly string[] Required = ["config.json", "model.safetensors", "tokenizer.json"];

    /// <summary>The files, sorted by name.</summary>
    public required ImmutableArray<BaseModelFile> Files { get; init; }

    /// <summary>The files that this version needs and reads.</summary>
    public static ReadOnlySpan<string> FileNames => Required;

    /// <summary>The manifest's bytes.</summary>
    public byte[] ToJcs() => Jcs.Serialize(this, BaseModelManifestJson.Default.BaseModelManifest);

    /// <summary>The digest that plans name.</summary>
    public Sha256Digest Digest() => Sha256Digest.Of(ToJcs());

    /// <summary>Reads a manifest: exactly the files that this version knows.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>json_not_canonical</c>, <c>body_malformed</c>.</exception>
    public static BaseModelManifest Parse(ReadOnlySpan<byte> bytes)
    {
        BaseModelManifest manifest = Jcs.Parse(bytes, BaseModelManifestJson.Default.BaseModelManifest, "base model manifest");
        return manifest.Files.Select(file => file.Name).SequenceEqual(Required, StringComparer.Ordinal) && manifest.Files.All(file => file.Length > 0)
            ? manifest
            : throw new FedCloudException(ErrorCodes.BaseModelMissing, $"expected the files {string.Join(", ", Required)}, found another list");
    }

    /// <summary>Describes a folder.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>.</exception>
    public static BaseModelManifest OfFolder(string folder)
    {
        ImmutableArray<BaseModelFile>.Builder files = ImmutableArray.CreateBuilder<BaseModelFile>();
        foreach (string name in Required)
        {
            string path = Path.Combine(folder, name);
            if (!File.Exists(path))
            {
                throw new FedCloudException(ErrorCodes.BaseModelMissing, $"expected {name} in the base model's folder, found none");
            }

            using FileStream stream = File.OpenRead(path);
            files.Add(new BaseModelFile(name, stream.Length, Sha256Digest.FromBytes(SHA256.HashData(stream))));
        }

        return new BaseModelManifest { Files = files.ToImmutable() };
    }

    /// <summary>Checks a folder against this manifest.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>base_model_corrupt</c>.</exception>
    public void RequireFolder(string folder)
    {
        BaseModelManifest found = OfFolder(folder);
        foreach ((BaseModelFile expected, BaseModelFile actual) in Files.Zip(found.Files))
        {
            if (expected != actual)
            {
                throw new FedCloudException(ErrorCodes.BaseModelCorrupt, $"{expected.Name}: expected digest {expected.Sha256.Hex[..16]}…, found {actual.Sha256.Hex[..16]}…");
            }
        }
    }
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
