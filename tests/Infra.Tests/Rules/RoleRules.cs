// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.RegularExpressions;
using FedCloud.Infra.Tests.Bicep;

namespace FedCloud.Infra.Tests.Rules;

/// <summary>Rights are exact, and on one thing.</summary>
public static partial class RoleRules
{
    private const string Assignment = "Microsoft.Authorization/roleAssignments";
    private const string Definition = "Microsoft.Authorization/roleDefinitions";

    // The built-in roles that are used, as Microsoft lists them.
    private static readonly Dictionary<string, string> BuiltIn = new(StringComparer.Ordinal)
    {
        ["azureServiceBusDataReceiver"] = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
        ["azureServiceBusDataSender"] = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
        ["durableTaskDataContributor"] = "0ad04412-c4d5-4796-b79c-f76d14c8d402",
        ["monitoringMetricsPublisher"] = "3913510d-42f4-4e42-8a64-420c390055eb",
        ["storageBlobDataOwner"] = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        ["storageBlobDataReader"] = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    };

    // What a right may be on.
    private static readonly HashSet<string> Entities = new(StringComparer.Ordinal)
    {
        "Microsoft.DurableTask/schedulers/taskHubs",
        "Microsoft.KeyVault/vaults/keys",
        "Microsoft.ServiceBus/namespaces/queues",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
    };

    // Wider rights, each because Azure has nothing narrower.
    private static readonly Dictionary<(string File, string Type), string> Exceptions = new()
    {
        [("modules/host-storage-access.bicep", "Microsoft.Storage/storageAccounts")] = "the Functions host makes containers of its own in its account; nothing of the federation is there",
        [("modules/monitoring.bicep", "Microsoft.Insights/components")] = "a component has no parts; the role can only send metrics",
    };

    // A data action in full, without a star.
    [GeneratedRegex(@"^Microsoft\.[A-Za-z]+(/[A-Za-z]+)+/(read|write|delete|action)$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex ExactAction { get; }

    public static IEnumerable<string> Check(BicepTree tree)
    {
        foreach (BicepFile file in tree.Files)
        {
            foreach (BicepResource resource in file.Resources.Where(resource => !resource.IsExisting))
            {
                IEnumerable<string> found = resource.Type switch
                {
                    Assignment => OfAssignment(file, resource),
                    Definition => OfDefinition(resource),
                    _ => [],
                };
                foreach (string violation in found)
                {
                    yield return $"{file.Path}:{resource.Line} {resource.Symbol} {violation}";
                }
            }

            foreach (string id in RoleIds.Matches(file.Text).Select(match => match.Value))
            {
                yield return $"{file.Path} writes the id {id} itself instead of taking it from built-in-roles.json";
            }
        }
    }

    /// <summary>The ids in built-in-roles.json are those that Microsoft lists.</summary>
    public static IEnumerable<string> CheckIds(string json)
    {
        Dictionary<string, string> ids = JsonSerializer.Deserialize<Dictionary<string, string>>(json) ?? [];
        foreach ((string name, string id) in ids)
        {
            if (BuiltIn.GetValueOrDefault(name) != id)
            {
                yield return $"{name} is {BuiltIn.GetValueOrDefault(name) ?? "no role in the table"}, found {id}";
            }
        }
    }

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex RoleIds { get; }

    private static IEnumerable<string> OfAssignment(BicepFile file, BicepResource assignment)
    {
        string scope = assignment.Body["scope"]?.Source ?? "nothing, so the whole resource group";
        string symbol = scope.Split(' ', '[')[0];
        string? type = file.Resources.Find(resource => resource.Symbol == symbol)?.Type;
        if (type is null || (!Entities.Contains(type) && !Exceptions.ContainsKey((file.Path, type))))
        {
            yield return $"is on {type ?? scope}, which is no single entity";
        }

        if (assignment.Body.At("properties.principalType") is null)
        {
            yield return "does not say what the principal is, so a new one may not be found";
        }

        if (assignment.Body["name"] is not BicepExpression { Text: var name } || !name.StartsWith("guid (", StringComparison.Ordinal))
        {
            yield return "has no name that follows from what it grants";
        }
    }

    private static IEnumerable<string> OfDefinition(BicepResource definition)
    {
        foreach (BicepObject permission in (definition.Body.At("properties.permissions") as BicepList)?.Items.OfType<BicepObject>() ?? [])
        {
            foreach ((string kind, BicepValue value) in permission.Properties)
            {
                foreach (BicepValue action in value is BicepList list ? list.Items : [value])
                {
                    if (kind != "dataActions")
                    {
                        yield return $"has {kind}: {action.Source}; our roles have data actions only";
                    }
                    else if (action is not BicepText { Value: var name } || !ExactAction.IsMatch(name))
                    {
                        yield return $"allows {action.Source}, which is not one exact action";
                    }
                }
            }
        }
    }
}
