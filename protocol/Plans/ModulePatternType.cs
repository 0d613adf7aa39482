// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using FedCloud.Protocol.Adapters;

namespace FedCloud.Protocol.Plans;

/// <summary>A map of modules, by name or last parts of it, to numbers.</summary>
/// <param name="Of">Type and bounds of the numbers.</param>
public sealed record ModulePatternType(PlanType Of) : PlanType
{
    private const int MaxCount = 1024;

    /// <inheritdoc/>
    public override string Describe() => "map of module names, or last parts of them, to " + Of.Describe();

    /// <summary>The text of a map as <see cref="FromText"/> takes it: <c>name=number</c>, with commas between.</summary>
    /// <returns>Null when the node is no map of scalars.</returns>
    public static string? TextOf(PlanNode node) => node is PlanMapping map && map.Entries.All(entry => entry.Value is PlanScalar)
        ? string.Join(',', map.Entries.Select(entry => $"{entry.Name}={((PlanScalar)entry.Value).Text}"))
        : null;

    /// <inheritdoc/>
    public override JsonNode? FromText(string text)
    {
        JsonObject values = [];
        foreach (string one in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = one.Split('=');
            if (parts.Length != 2 || Of.FromText(parts[1]) is not { } value || !values.TryAdd(parts[0], value))
            {
                return null;
            }
        }

        return Allows(values) ? values : null;
    }

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) => value is JsonObject { Count: >= 1 and <= MaxCount } map && map.All(one => LoraForm.IsPatternKey(one.Key) && Of.Allows(one.Value));
}
