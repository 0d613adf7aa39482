// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Azure.Core;
using Azure.Identity;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Credentials;

/// <summary>Identities for Azure, made from settings that hold no secrets.</summary>
public static class AzureCredentials
{
    private static readonly string[] ArcVariables = ["IDENTITY_ENDPOINT", "IMDS_ENDPOINT"];

    /// <summary>The identity that the settings name.</summary>
    /// <param name="settings">The settings.</param>
    /// <exception cref="FedCloudException"><c>setting_missing</c>, <c>key_file_permissions</c> or <c>file_missing</c>.</exception>
    public static TokenCredential Make(AzureIdentitySettings settings) => Make(settings, Environment.GetEnvironmentVariable, File.Exists, FindInStores);

    /// <summary>The same with a surrounding of the caller's.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="variable">Gives an environment variable.</param>
    /// <param name="exists">Tells whether there is a file.</param>
    /// <param name="findInStores">Finds a certificate with its key by thumbprint.</param>
    public static TokenCredential Make(AzureIdentitySettings settings, Func<string, string?> variable, Func<string, bool> exists, Func<string, X509Certificate2?> findInStores)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(variable);
        ArgumentNullException.ThrowIfNull(exists);
        ArgumentNullException.ThrowIfNull(findInStores);
        switch (settings.Kind)
        {
            case IdentityKind.Managed:
                return new ManagedIdentityCredential(ManagedIdentityId.FromUserAssignedClientId(settings.ClientId));
            case IdentityKind.Arc:
                RequireArc(variable, exists);
                return new ManagedIdentityCredential(ManagedIdentityId.SystemAssigned);
            case IdentityKind.Workload:
                RequireFile(AzureIdentitySettings.TokenFileSetting, settings.TokenFile, exists);
                return new WorkloadIdentityCredential(
                    new WorkloadIdentityCredentialOptions { ClientId = settings.ClientId, TenantId = settings.TenantId, TokenFilePath = settings.TokenFile });
            case IdentityKind.Certificate:
                return new ClientCertificateCredential(settings.TenantId, settings.ClientId, CertificateOf(settings, findInStores));
            case IdentityKind.Cli:
                return new AzureCliCredential(new AzureCliCredentialOptions { TenantId = settings.TenantId });
            default:
                throw new ArgumentOutOfRangeException(nameof(settings), settings.Kind, "an identity has one of the known kinds");
        }
    }

    // The identity library would otherwise ask the endpoint of a virtual machine, and wait for an answer that does not come.
    private static void RequireArc(Func<string, string?> variable, Func<string, bool> exists)
    {
        string agent = OperatingSystem.IsWindows()
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "AzureConnectedMachineAgent", "himds.exe")
            : "/opt/azcmagent/bin/himds";
        if (!ArcVariables.All(name => variable(name) is { Length: > 0 }) && !exists(agent))
        {
            throw new FedCloudException(
                ErrorCodes.SettingMissing, $"{AzureIdentitySettings.KindSetting}=arc: expected the Azure Arc agent on this machine, found none", "connect the machine to Azure Arc, or choose another identity");
        }
    }

    private static void RequireFile(string setting, string? path, Func<string, bool> exists)
    {
        if (path is null || !exists(path))
        {
            throw new FedCloudException(ErrorCodes.SettingMissing, $"{setting}: expected the path of a file, found no file there");
        }
    }

    private static X509Certificate2 CertificateOf(AzureIdentitySettings settings, Func<string, X509Certificate2?> findInStores)
    {
        (string setting, X509Certificate2? certificate) = settings.CertificateFile is { } path
            ? (AzureIdentitySettings.CertificateSetting, Load(PrivateFile.Read(path)))
            : (AzureIdentitySettings.ThumbprintSetting, findInStores(settings.CertificateThumbprint ?? string.Empty));
        return certificate is { HasPrivateKey: true }
            ? certificate
            : throw new FedCloudException(ErrorCodes.SettingMissing, $"{setting}: expected a certificate with its private key, found {(certificate is null ? "none" : "no key")}");
    }

    // Null when the bytes are neither PEM nor a PFX without a password.
    private static X509Certificate2? Load(byte[] bytes)
    {
        try
        {
            string text = Encoding.Latin1.GetString(bytes);
            return text.Contains("-----BEGIN", StringComparison.Ordinal)
                ? X509Certificate2.CreateFromPem(text, text)
                : X509CertificateLoader.LoadPkcs12(bytes, password: null, X509KeyStorageFlags.EphemeralKeySet);
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static X509Certificate2? FindInStores(string thumbprint)
    {
        foreach (StoreLocation location in (StoreLocation[])[StoreLocation.CurrentUser, StoreLocation.LocalMachine])
        {
            try
            {
                using X509Store store = new(StoreName.My, location, OpenFlags.ReadOnly | OpenFlags.OpenExistingOnly);
                if (store.Certificates.Find(X509FindType.FindByThumbprint, thumbprint, validOnly: false).FirstOrDefault() is { } found)
                {
                    return found;
                }
            }
            catch (CryptographicException)
            {
                // There is no such store here.
            }
        }

        return null;
    }
}
