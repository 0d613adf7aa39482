// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Functions;

/// <summary>The settings of the host in Azure: app settings, none of them secret. infra/README.md lists them.</summary>
public sealed record CloudSettings
{
    // An epoch lives for seven days, and its slots may be used until then.
    private const int EpochDays = 7;
    private const int MaxWindowDays = 3650;
    private const int MaxGraceDays = 90;

    /// <summary>The federation: <c>FEDCLOUD_FEDERATION</c>.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The blob endpoint of models, rounds, documents and the silos' containers: <c>FEDCLOUD_STORAGE</c>.</summary>
    public required Uri Storage { get; init; }

    /// <summary>The blob endpoint of the log: <c>FEDCLOUD_AUDIT_STORAGE</c>.</summary>
    public required Uri AuditStorage { get; init; }

    /// <summary>The broker's host: <c>FEDCLOUD_SERVICEBUS</c>.</summary>
    public required string ServiceBus { get; init; }

    /// <summary>The vault: <c>FEDCLOUD_VAULT</c>.</summary>
    public required Uri Vault { get; init; }

    /// <summary>The identity that signs the coordinator's messages and keeps its documents: <c>FEDCLOUD_ORCHESTRATOR_CLIENT_ID</c>.</summary>
    public required string Orchestrator { get; init; }

    /// <summary>The identity that unwraps data keys and reads updates: <c>FEDCLOUD_AGGREGATOR_CLIENT_ID</c>.</summary>
    public required string Aggregator { get; init; }

    /// <summary>The identity that signs and writes the log: <c>FEDCLOUD_LOG_SIGNER_CLIENT_ID</c>.</summary>
    public required string LogSigner { get; init; }

    /// <summary>The API's Entra application: <c>FEDCLOUD_AUTH_CLIENT_ID</c>; null for none, and then nobody reaches the API.</summary>
    public required string? Application { get; init; }

    /// <summary>Whether the platform checks callers before us: <c>WEBSITE_AUTH_ENABLED</c>, which the platform sets.</summary>
    public required bool IsPlatformAuthenticated { get; init; }

    /// <summary>Days for which masked vectors and revealed secrets are kept for auditors: <c>FEDCLOUD_AUDIT_WINDOW</c>, 8 to 3650, 90 where absent.</summary>
    public required int AuditWindowDays { get; init; }

    /// <summary>Days for which the version of the wrapping key before the newest unwraps: <c>FEDCLOUD_KEY_GRACE</c>, 1 to 90, 14 where absent.</summary>
    public required int KeyGraceDays { get; init; }

    /// <summary>Whether somebody may call the API at all.</summary>
    public bool HasApi => Application is not null && IsPlatformAuthenticated;

    /// <summary>Reads the settings.</summary>
    /// <exception cref="FedCloudException"><c>setting_missing</c> or <c>id_malformed</c>, with the setting's name.</exception>
    public static CloudSettings Read(Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(variable);
        string Require(string name) => variable(name) is { Length: > 0 } value ? value : throw new FedCloudException(ErrorCodes.SettingMissing, $"expected the app setting {name}, found none");
        Uri Address(string name) => Uri.TryCreate(Require(name), UriKind.Absolute, out Uri? address) && string.Equals(address.Scheme, Uri.UriSchemeHttps, StringComparison.Ordinal)
            ? address
            : throw Malformed(name, "an https address");
        string Client(string name) => Guid.TryParse(Require(name), out Guid id) ? id.ToString() : throw Malformed(name, "the client id of a managed identity");
        return new CloudSettings
        {
            Federation = new FederationId(Identifier.Require(Require("FEDCLOUD_FEDERATION"), "FEDCLOUD_FEDERATION")),
            Storage = Address("FEDCLOUD_STORAGE"),
            AuditStorage = Address("FEDCLOUD_AUDIT_STORAGE"),
            ServiceBus = Uri.CheckHostName(Require("FEDCLOUD_SERVICEBUS")) == UriHostNameType.Dns ? Require("FEDCLOUD_SERVICEBUS") : throw Malformed("FEDCLOUD_SERVICEBUS", "the host name of a namespace"),
            Vault = Address("FEDCLOUD_VAULT"),
            Orchestrator = Client("FEDCLOUD_ORCHESTRATOR_CLIENT_ID"),
            Aggregator = Client("FEDCLOUD_AGGREGATOR_CLIENT_ID"),
            LogSigner = Client("FEDCLOUD_LOG_SIGNER_CLIENT_ID"),
            Application = variable("FEDCLOUD_AUTH_CLIENT_ID") is { Length: > 0 } ? Client("FEDCLOUD_AUTH_CLIENT_ID") : null,
            IsPlatformAuthenticated = bool.TryParse(variable("WEBSITE_AUTH_ENABLED"), out bool on) && on,
            AuditWindowDays = int.TryParse(variable("FEDCLOUD_AUDIT_WINDOW") ?? "90", NumberStyles.None, CultureInfo.InvariantCulture, out int days) && days is > EpochDays and <= MaxWindowDays
                ? days
                : throw Malformed("FEDCLOUD_AUDIT_WINDOW", "8 to 3650 days"),
            KeyGraceDays = int.TryParse(variable("FEDCLOUD_KEY_GRACE") ?? "14", NumberStyles.None, CultureInfo.InvariantCulture, out int grace) && grace is >= 1 and <= MaxGraceDays
                ? grace
                : throw Malformed("FEDCLOUD_KEY_GRACE", "1 to 90 days"),
        };
    }

    private static FedCloudException Malformed(string name, string expected) => new(ErrorCodes.SettingMissing, $"expected {name} to be {expected}, found something else");
}
