// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Json.Nodes;

namespace FedCloud.Protocol.Tests.Canonical;

/// <summary>Every way to spoil one place of a JSON text: each value replaced by values of other kinds, each member left out, one unknown member added to each object.</summary>
internal static class JsonMutations
{
    private static readonly string[] Replacements =
        ["null", "true", "-1", "0", "1e999", "1.5", "99999999999999999999", "\"\"", "\"x\"", "\"../../etc\"", "\"\\u001b[31m\"", "[]", "{}", "[null]", "[[]]", "{\"\":null}"];

    public static IEnumerable<byte[]> Of(byte[] json)
    {
        int places = Places(JsonNode.Parse(json)).Count();
        for (int place = 0; place < places; place++)
        {
            foreach (string replacement in Replacements)
            {
                yield return Changed(json, place, replacement);
            }

            yield return Changed(json, place, replacement: null);
        }

        for (int place = 0; place < places; place++)
        {
            JsonNode root = JsonNode.Parse(json)!;
            if (Places(root).ElementAt(place) is JsonObject container)
            {
                container["zzz"] = 1;
                yield return Encoding.UTF8.GetBytes(root.ToJsonString());
            }
        }
    }

    private static byte[] Changed(byte[] json, int place, string? replacement)
    {
        JsonNode root = JsonNode.Parse(json)!;
        JsonNode found = Places(root).ElementAt(place)!;
        JsonNode? instead = replacement is null ? null : JsonNode.Parse(replacement);
        switch (found.Parent)
        {
            case JsonObject parent when replacement is null:
                parent.Remove(found.GetPropertyName());
                break;
            case JsonObject parent:
                parent[found.GetPropertyName()] = instead;
                break;
            case JsonArray parent when replacement is null:
                parent.RemoveAt(found.GetElementIndex());
                break;
            case JsonArray parent:
                parent[found.GetElementIndex()] = instead;
                break;
            default:
                return Encoding.UTF8.GetBytes(replacement ?? string.Empty);
        }

        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    // Nulls have no node of their own; the values to spoil are the others.
    private static IEnumerable<JsonNode> Places(JsonNode? node)
    {
        if (node is null)
        {
            yield break;
        }

        yield return node;
        IEnumerable<JsonNode?> children = node switch
        {
            JsonObject container => container.Select(member => member.Value),
            JsonArray list => list,
            _ => [],
        };
        foreach (JsonNode inner in children.SelectMany(Places))
        {
            yield return inner;
        }
    }
}
