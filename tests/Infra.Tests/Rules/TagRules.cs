// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Infra.Tests.Bicep;

namespace FedCloud.Infra.Tests.Rules;

/// <summary>Whatever can have tags has the environment's.</summary>
public static class TagRules
{
    private static readonly HashSet<string> Taggable = new(StringComparer.Ordinal)
    {
        "Microsoft.DurableTask/schedulers",
        "Microsoft.EventGrid/systemTopics",
        "Microsoft.Insights/actionGroups",
        "Microsoft.Insights/components",
        "Microsoft.Insights/metricAlerts",
        "Microsoft.Insights/scheduledQueryRules",
        "Microsoft.Insights/workbooks",
        "Microsoft.KeyVault/vaults",
        "Microsoft.KeyVault/vaults/keys",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        "Microsoft.Network/privateDnsZones",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        "Microsoft.Network/privateEndpoints",
        "Microsoft.Network/virtualNetworks",
        "Microsoft.OperationalInsights/workspaces",
        "Microsoft.Resources/resourceGroups",
        "Microsoft.ServiceBus/namespaces",
        "Microsoft.Storage/storageAccounts",
        "Microsoft.Web/serverfarms",
        "Microsoft.Web/sites",
    };

    private static readonly HashSet<string> WithoutTags = new(StringComparer.Ordinal)
    {
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.Authorization/roleDefinitions",
        "Microsoft.Consumption/budgets",
        "Microsoft.DurableTask/schedulers/taskHubs",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "Microsoft.Insights/diagnosticSettings",
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        "Microsoft.ServiceBus/namespaces/networkRuleSets",
        "Microsoft.ServiceBus/namespaces/queues",
        "Microsoft.Storage/storageAccounts/blobServices",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies",
        "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
        "Microsoft.Web/sites/config",
    };

    public static IEnumerable<string> Check(BicepTree tree) =>
        from file in tree.Files
        from resource in file.Resources
        where !resource.IsExisting
        let problem = Problem(resource)
        where problem is not null
        select $"{file.Path}:{resource.Line} {resource.Symbol} {problem}";

    private static string? Problem(BicepResource resource)
    {
        if (WithoutTags.Contains(resource.Type))
        {
            return null;
        }

        if (!Taggable.Contains(resource.Type))
        {
            return $"is a {resource.Type}, of which the test does not know whether it can have tags";
        }

        string tags = resource.Body["tags"]?.Source ?? string.Empty;
        return tags == "tags" || tags.StartsWith("union ( tags", StringComparison.Ordinal) ? null : "has no tags";
    }
}
