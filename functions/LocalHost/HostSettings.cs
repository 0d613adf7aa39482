// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.LocalHost;

/// <summary>How the local coordinator is started: environment variables, so that no secret is on a command line.</summary>
public sealed record HostSettings
{
    /// <summary>The federation: <c>FEDCLOUD_FEDERATION</c>.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>Keys and temporary files: <c>FEDCLOUD_DATA</c>.</summary>
    public required string DataFolder { get; init; }

    /// <summary>The blob endpoint: <c>FEDCLOUD_STORAGE</c>.</summary>
    public required Uri Storage { get; init; }

    /// <summary>The storage account: <c>FEDCLOUD_STORAGE_ACCOUNT</c>.</summary>
    public required string Account { get; init; }

    /// <summary>The account's key: <c>FEDCLOUD_STORAGE_KEY</c>.</summary>
    public required string AccountKey { get; init; }

    /// <summary>The operator's token for the HTTP API: <c>FEDCLOUD_TOKEN</c>.</summary>
    public required string Token { get; init; }

    /// <summary>The port on loopback, 0 for a free one: <c>FEDCLOUD_PORT</c>.</summary>
    public required int Port { get; init; }

    /// <summary>Reads the environment.</summary>
    /// <exception cref="FedCloudException"><c>setting_missing</c>, with the setting's name.</exception>
    public static HostSettings Read(Func<string, string?> variable)
    {
        string Require(string name) => variable(name) is { Length: > 0 } value ? value : throw new FedCloudException(ErrorCodes.SettingMissing, $"expected the environment variable {name}, found none");
        return new HostSettings
        {
            Federation = FederationId.Parse(Require("FEDCLOUD_FEDERATION")),
            DataFolder = Require("FEDCLOUD_DATA"),
            Storage = Uri.TryCreate(Require("FEDCLOUD_STORAGE"), UriKind.Absolute, out Uri? storage) ? storage : throw new FedCloudException(ErrorCodes.SettingMissing, "FEDCLOUD_STORAGE is not an address"),
            Account = Require("FEDCLOUD_STORAGE_ACCOUNT"),
            AccountKey = Require("FEDCLOUD_STORAGE_KEY"),
            Token = Require("FEDCLOUD_TOKEN"),
            Port = int.TryParse(variable("FEDCLOUD_PORT") ?? "0", out int port) && port is >= 0 and <= 65535 ? port : throw new FedCloudException(ErrorCodes.SettingMissing, "FEDCLOUD_PORT is not a port"),
        };
    }

    /// <summary>The settings without their secrets.</summary>
    public override string ToString() => $"{Federation} on {Storage}";
}
