// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Text;
using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.LocalHost;

/// <summary>How the local coordinator is started: environment variables, so that no secret is on a command line.</summary>
public sealed record HostSettings
{
    private const int MinTokenLength = 16;

    // An epoch lives for seven days, and its slots may be used until then.
    private const int EpochDays = 7;
    private const int MaxWindowDays = 3650;
    private const int MaxGraceDays = 90;

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

    /// <summary>Days for which masked vectors and revealed secrets are kept for auditors: <c>FEDCLOUD_AUDIT_WINDOW</c>, 8 to 3650, 90 where absent.</summary>
    public required int AuditWindowDays { get; init; }

    /// <summary>Days for which the version of the wrapping key before the newest unwraps: <c>FEDCLOUD_KEY_GRACE</c>, 1 to 90, 14 where absent.</summary>
    public required int KeyGraceDays { get; init; }

    /// <summary>Reads the environment.</summary>
    /// <exception cref="FedCloudException"><c>setting_missing</c> or <c>id_malformed</c>, with the setting's name.</exception>
    public static HostSettings Read(Func<string, string?> variable)
    {
        string Require(string name) => variable(name) is { Length: > 0 } value ? value : throw new FedCloudException(ErrorCodes.SettingMissing, $"expected the environment variable {name}, found none");
        return new HostSettings
        {
            Federation = FederationId.Parse(Require("FEDCLOUD_FEDERATION")),
            DataFolder = Require("FEDCLOUD_DATA"),
            Storage = Uri.TryCreate(Require("FEDCLOUD_STORAGE"), UriKind.Absolute, out Uri? storage) && storage.Scheme is "http" or "https"
                ? storage
                : throw Malformed("FEDCLOUD_STORAGE", "an http or https address"),
            Account = Require("FEDCLOUD_STORAGE_ACCOUNT"),
            AccountKey = Base64.IsValid(Require("FEDCLOUD_STORAGE_KEY")) ? Require("FEDCLOUD_STORAGE_KEY") : throw Malformed("FEDCLOUD_STORAGE_KEY", "a key in base64"),
            Token = Require("FEDCLOUD_TOKEN") is { Length: >= MinTokenLength } token ? token : throw Malformed("FEDCLOUD_TOKEN", $"at least {MinTokenLength} characters"),
            Port = int.TryParse(variable("FEDCLOUD_PORT") ?? "0", NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= ushort.MaxValue
                ? port
                : throw Malformed("FEDCLOUD_PORT", "a port from 0 to 65535"),
            AuditWindowDays = int.TryParse(variable("FEDCLOUD_AUDIT_WINDOW") ?? "90", NumberStyles.None, CultureInfo.InvariantCulture, out int days) && days is > EpochDays and <= MaxWindowDays
                ? days
                : throw Malformed("FEDCLOUD_AUDIT_WINDOW", "8 to 3650 days"),
            KeyGraceDays = int.TryParse(variable("FEDCLOUD_KEY_GRACE") ?? "14", NumberStyles.None, CultureInfo.InvariantCulture, out int grace) && grace is >= 1 and <= MaxGraceDays
                ? grace
                : throw Malformed("FEDCLOUD_KEY_GRACE", "1 to 90 days"),
        };
    }

    /// <summary>Makes the folder for temporary files.</summary>
    /// <exception cref="FedCloudException"><c>setting_missing</c>: the data folder cannot be written.</exception>
    public string MakeScratch()
    {
        try
        {
            return Directory.CreateDirectory(Path.Combine(DataFolder, "scratch")).FullName;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Malformed("FEDCLOUD_DATA", "a folder that can be written");
        }
    }

    /// <summary>The settings without their secrets.</summary>
    public override string ToString() => $"{Federation} on {Storage}";

    // The value is not shown: it may be a secret.
    private static FedCloudException Malformed(string name, string expected) => new(ErrorCodes.SettingMissing, $"expected {name} to be {expected}, found something else");
}
