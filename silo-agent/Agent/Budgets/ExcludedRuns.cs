// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>The runs without a privacy claim that may use, or did use, a data set with a limit: what the ledger's epsilon excludes (privacy, section 8.3).</summary>
/// <remarks>
/// In a file beside the ledger, which has no entry for what it does not count. A run is written down before its trainer reads the data. The
/// file is no part of the chain: nothing but the audit log's rounds tells of a run whose line an administrator takes out.
/// </remarks>
public sealed record ExcludedRuns
{
    /// <summary>The runs that the policy in force names.</summary>
    public required ImmutableArray<RunId> Named { get; init; }

    /// <summary>The runs that trained on the data, for good.</summary>
    public required ImmutableArray<RunId> Used { get; init; }

    /// <summary>All of them, by name.</summary>
    [JsonIgnore]
    public ImmutableArray<RunId> All => [.. Named.Union(Used).Order()];

    /// <summary>Reads the file of a ledger; without one there are none.</summary>
    /// <exception cref="FedCloudException"><c>ledger_broken</c> or <c>key_file_permissions</c>.</exception>
    public static ExcludedRuns Read(LedgerPaths paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        if (!File.Exists(paths.Excluded))
        {
            return new ExcludedRuns { Named = [], Used = [] };
        }

        try
        {
            ExcludedRuns? read = StrictJson.Deserialize(PrivateFile.Read(paths.Excluded), ExcludedRunsJson.Default.ExcludedRuns);
            return read is { Named.IsDefault: false, Used.IsDefault: false } ? read : throw new JsonException("a list is missing");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.LedgerBroken, $"{Path.GetFileName(paths.Excluded)} does not list the runs that epsilon excludes", cause: error);
        }
    }

    /// <summary>Writes the file, whole or not at all, where it says something else than before.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>, <c>ledger_broken</c> or <c>key_file_permissions</c>.</exception>
    public void Write(LedgerPaths paths)
    {
        ExcludedRuns before = Read(paths);
        if (!before.Named.SequenceEqual(Named) || !before.Used.SequenceEqual(Used))
        {
            PrivateFile.Write(paths.Excluded, JsonSerializer.SerializeToUtf8Bytes(this, ExcludedRunsJson.Default.ExcludedRuns));
        }
    }
}

/// <summary>Strict JSON of the file.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ExcludedRuns))]
internal sealed partial class ExcludedRunsJson : JsonSerializerContext;
