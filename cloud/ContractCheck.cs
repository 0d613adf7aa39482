// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Reflection;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud;

/// <summary>Tells a real package from its API contract (docs/building.md).</summary>
public static class ContractCheck
{
    /// <summary>The name of the metadata that every contract's assembly has.</summary>
    public const string MetadataKey = "FedCloudContract";

    /// <summary>Refuses a type whose package is only a contract in this build: said when a host starts, and not at its first request.</summary>
    /// <param name="client">A type of the package, such as its client.</param>
    /// <exception cref="FedCloudException"><c>package_not_restored</c>.</exception>
    public static void Require(Type client)
    {
        ArgumentNullException.ThrowIfNull(client);
        if (PackageOf(client) is { } package)
        {
            throw new FedCloudException(ErrorCodes.PackageNotRestored, $"expected the package {package}, found its API contract");
        }
    }

    /// <summary>Whether a type is of a contract.</summary>
    public static bool IsContract(Type client)
    {
        ArgumentNullException.ThrowIfNull(client);
        return PackageOf(client) is not null;
    }

    private static string? PackageOf(Type client) =>
        client.Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(metadata => string.Equals(metadata.Key, MetadataKey, StringComparison.Ordinal))?.Value;
}
