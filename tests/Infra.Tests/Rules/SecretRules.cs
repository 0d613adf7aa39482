// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Infra.Tests.Bicep;

namespace FedCloud.Infra.Tests.Rules;

/// <summary>Nothing in Azure is opened with a shared secret.</summary>
public static class SecretRules
{
    private static readonly string[] Forbidden =
    [
        "listKeys(", "listAccountSas(", "listServiceSas(", "listCredentials(", "listConnectionStrings(", "AccountKey=", "SharedAccessKey", "SharedAccessSignature",
        "clientSecret", "clientSecretSettingName", "StorageAccountConnectionString",
    ];

    // What has to be said, and how, so that a service takes no keys.
    private static readonly (string Type, string Path, string Value)[] Switches =
    [
        ("Microsoft.Storage/storageAccounts", "properties.allowSharedKeyAccess", "false"),
        ("Microsoft.Storage/storageAccounts", "properties.allowBlobPublicAccess", "false"),
        ("Microsoft.Storage/storageAccounts", "properties.isLocalUserEnabled", "false"),
        ("Microsoft.Storage/storageAccounts", "properties.minimumTlsVersion", "'TLS1_2'"),
        ("Microsoft.Storage/storageAccounts", "properties.supportsHttpsTrafficOnly", "true"),
        ("Microsoft.Storage/storageAccounts/blobServices/containers", "properties.publicAccess", "'None'"),
        ("Microsoft.ServiceBus/namespaces", "properties.disableLocalAuth", "true"),
        ("Microsoft.ServiceBus/namespaces", "properties.minimumTlsVersion", "'1.2'"),
        ("Microsoft.Insights/components", "properties.DisableLocalAuth", "true"),
        ("Microsoft.OperationalInsights/workspaces", "properties.features.disableLocalAuth", "true"),
        ("Microsoft.KeyVault/vaults", "properties.enableRbacAuthorization", "true"),
        ("Microsoft.KeyVault/vaults", "properties.enablePurgeProtection", "true"),
        ("Microsoft.KeyVault/vaults", "properties.enableSoftDelete", "true"),
        ("Microsoft.Web/sites", "properties.httpsOnly", "true"),
        ("Microsoft.Web/sites", "properties.siteConfig.minTlsVersion", "'1.2'"),
        ("Microsoft.Web/sites", "properties.siteConfig.ftpsState", "'Disabled'"),
        ("Microsoft.Web/sites/basicPublishingCredentialsPolicies", "properties.allow", "false"),
    ];

    public static IEnumerable<string> Check(BicepTree tree)
    {
        foreach (BicepFile file in tree.Files)
        {
            foreach (string word in Forbidden.Where(word => file.Text.Contains(word, StringComparison.OrdinalIgnoreCase)))
            {
                yield return $"{file.Path} uses {word}";
            }

            foreach (BicepParameter parameter in file.Parameters.Values.Where(parameter => parameter.IsSecure))
            {
                yield return $"{file.Path} takes a secret: {parameter.Name}";
            }

            foreach (BicepResource resource in file.Resources.Where(resource => !resource.IsExisting))
            {
                foreach ((string _, string path, string value) in Switches.Where(s => s.Type == resource.Type && resource.Body.At(s.Path)?.Source != s.Value))
                {
                    yield return $"{file.Path}:{resource.Line} {resource.Symbol}: {path} is not {value}";
                }
            }
        }
    }
}
