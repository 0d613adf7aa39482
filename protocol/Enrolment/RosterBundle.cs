// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Enrolment;

/// <summary>A roster with what is needed to check it: its members' signatures and their joins. It lies in storage, since with many members it is larger than a message.</summary>
public sealed record RosterBundle
{
    /// <summary>The container.</summary>
    public const string Container = "models";

    /// <summary>The largest bundle that is read, in bytes; 1,000 members stay below it.</summary>
    public const int MaxBytes = 4 << 20;

    private const string Prefix = "rosters/";
    private const string Suffix = ".json";

    /// <summary>The roster with the signatures so far.</summary>
    public required DsseEnvelope Roster { get; init; }

    /// <summary>The members' joins, in the roster's order.</summary>
    public required ImmutableArray<DsseEnvelope> Joins { get; init; }

    /// <summary>Where a proposal lies.</summary>
    public static string ProposedPath(Sha256Digest roster) => $"{Prefix}proposed/{roster.Hex}{Suffix}";

    /// <summary>Where a roster in force lies, for good: silos that join later, or were away, follow the chain from version to version.</summary>
    public static string PublishedPath(int version) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{version:D6}{Suffix}");

    /// <summary>The version in a name of <see cref="PublishedPath"/>; null for another name.</summary>
    public static int? VersionIn(string path)
    {
        bool shaped = path is not null && path.StartsWith(Prefix, StringComparison.Ordinal) && path.EndsWith(Suffix, StringComparison.Ordinal) && path.Length > Prefix.Length + Suffix.Length;
        return shaped && int.TryParse(path.AsSpan(Prefix.Length, path!.Length - Prefix.Length - Suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int version)
            && version > 0 && string.Equals(path, PublishedPath(version), StringComparison.Ordinal)
            ? version
            : null;
    }

    /// <summary>The bundle as JSON.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, RosterBundleJson.Default.RosterBundle);

    /// <summary>Reads a bundle; nothing in it is verified yet.</summary>
    /// <exception cref="FedCloudException"><c>roster_invalid</c>.</exception>
    public static RosterBundle Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return StrictJson.Deserialize(json, RosterBundleJson.Default.RosterBundle) is { Joins.IsDefault: false, Roster.Signatures.IsDefault: false } bundle
                && bundle.Joins.All(join => !join.Signatures.IsDefault)
                ? bundle
                : throw new FedCloudException(ErrorCodes.RosterInvalid, "expected a roster with joins and signatures, found null");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.RosterInvalid, $"the stored roster: {error.Path ?? "the text"} does not have the expected form", cause: error);
        }
    }
}

/// <summary>Strict JSON of roster bundles.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RosterBundle))]
public sealed partial class RosterBundleJson : JsonSerializerContext;
