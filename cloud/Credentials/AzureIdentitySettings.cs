// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Credentials;

/// <summary>Which identity a process has, as its settings say. There is no chain of guesses: one kind is named, and what it needs must be there.</summary>
/// <param name="Kind">How it proves who it is.</param>
/// <param name="ClientId">The identity's client id.</param>
/// <param name="TenantId">Its tenant.</param>
/// <param name="TokenFile">The file of the federated token.</param>
/// <param name="CertificateFile">The file of certificate and key, PEM or PFX without a password, for its owner only.</param>
/// <param name="CertificateThumbprint">The certificate in the user's or the machine's store.</param>
public sealed record AzureIdentitySettings(
    IdentityKind Kind, string? ClientId = null, string? TenantId = null, string? TokenFile = null, string? CertificateFile = null, string? CertificateThumbprint = null)
{
    /// <summary>Names the kind: managed, arc, workload, certificate or cli.</summary>
    public const string KindSetting = "FEDCLOUD_IDENTITY";

    /// <summary>The client id of a managed identity, or of an app registration.</summary>
    public const string ClientSetting = "FEDCLOUD_IDENTITY_CLIENT";

    /// <summary>The tenant of an app registration.</summary>
    public const string TenantSetting = "FEDCLOUD_IDENTITY_TENANT";

    /// <summary>The certificate's file.</summary>
    public const string CertificateSetting = "FEDCLOUD_IDENTITY_CERTIFICATE";

    /// <summary>The certificate's thumbprint in the store.</summary>
    public const string ThumbprintSetting = "FEDCLOUD_IDENTITY_THUMBPRINT";

    /// <summary>The federated token's file, by the name that Azure's webhook for Kubernetes sets.</summary>
    public const string TokenFileSetting = "AZURE_FEDERATED_TOKEN_FILE";

    private const string WebhookClientSetting = "AZURE_CLIENT_ID";
    private const string WebhookTenantSetting = "AZURE_TENANT_ID";

    private static readonly string[] Ours = [ClientSetting, TenantSetting, CertificateSetting, ThumbprintSetting];

    /// <summary>Reads the settings.</summary>
    /// <param name="setting">Gives a setting by its name, such as an environment variable.</param>
    /// <exception cref="FedCloudException"><c>setting_missing</c>, with the name of the setting that is missing or does not belong to the kind.</exception>
    public static AzureIdentitySettings Read(Func<string, string?> setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        Func<string, string?> given = name => string.IsNullOrWhiteSpace(setting(name)) ? null : setting(name);
        switch (given(KindSetting))
        {
            case "managed":
                Refuse(given, "managed", ClientSetting);
                return new(IdentityKind.Managed, Guid(given, ClientSetting));
            case "arc":
                Refuse(given, "arc");
                return new(IdentityKind.Arc);
            case "workload":
                Refuse(given, "workload", ClientSetting, TenantSetting);
                return new(
                    IdentityKind.Workload,
                    Guid(given, given(ClientSetting) is null ? WebhookClientSetting : ClientSetting),
                    Guid(given, given(TenantSetting) is null ? WebhookTenantSetting : TenantSetting),
                    TokenFile: Text(given, TokenFileSetting));
            case "certificate":
                Refuse(given, "certificate", Ours);
                return Certificate(given);
            case "cli":
                Refuse(given, "cli", TenantSetting);
                return new(IdentityKind.Cli, TenantId: given(TenantSetting));
            case null:
                throw Missing(KindSetting, "managed, arc, workload, certificate or cli", "none");
            default:
                throw Missing(KindSetting, "managed, arc, workload, certificate or cli", "another word");
        }
    }

    private static AzureIdentitySettings Certificate(Func<string, string?> given)
    {
        string? file = given(CertificateSetting);
        string? thumbprint = given(ThumbprintSetting);
        return (file, thumbprint) switch
        {
            (null, null) => throw Missing(CertificateSetting, $"a file, or {ThumbprintSetting}", "neither"),
            (not null, not null) => throw Missing(ThumbprintSetting, $"nothing beside {CertificateSetting}", "both"),
            _ => new(IdentityKind.Certificate, Guid(given, ClientSetting), Guid(given, TenantSetting), CertificateFile: file, CertificateThumbprint: thumbprint),
        };
    }

    // A setting that would be ignored is a mistake about who this process is.
    private static void Refuse(Func<string, string?> given, string kind, params ReadOnlySpan<string> used)
    {
        foreach (string name in Ours)
        {
            if (!used.Contains(name) && given(name) is not null)
            {
                throw Missing(name, $"nothing for {KindSetting}={kind}", "a value");
            }
        }
    }

    private static string Text(Func<string, string?> given, string name) => given(name) ?? throw Missing(name, "a value", "none");

    private static string Guid(Func<string, string?> given, string name) =>
        System.Guid.TryParse(Text(given, name), out System.Guid id) ? id.ToString("D") : throw Missing(name, "an id of the form 00000000-0000-0000-0000-000000000000", "another text");

    private static FedCloudException Missing(string name, string expected, string found) => new(ErrorCodes.SettingMissing, $"{name}: expected {expected}, found {found}");
}
