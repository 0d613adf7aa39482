// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace FedCloud.Protocol.Canonical;

/// <summary>JSON from outside: what a source-generated type's annotations promise holds for list elements and map values too.</summary>
public static class StrictJson
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = Jcs.MaxDepth, AllowDuplicateProperties = false };

    /// <summary>Reads a JSON text. The serializer itself lets null through as an element of a list or a value of a map.</summary>
    /// <param name="utf8Json">The text.</param>
    /// <param name="type">A strict source-generated type.</param>
    /// <returns>The value; null only for the text <c>null</c>.</returns>
    /// <exception cref="JsonException">The text does not have the type's form, or is nested deeper than <see cref="Jcs.MaxDepth"/>.</exception>
    public static T? Deserialize<T>(ReadOnlySpan<byte> utf8Json, JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(type);
        using JsonDocument document = JsonDocument.Parse(utf8Json.ToArray(), Strict);
        RequireElements(document.RootElement, type, "$");
        return JsonSerializer.Deserialize(utf8Json, type);
    }

    private static void RequireElements(JsonElement json, JsonTypeInfo type, string path)
    {
        switch (json.ValueKind, type.Kind)
        {
            case (JsonValueKind.Object, JsonTypeInfoKind.Object):
                foreach (JsonProperty member in json.EnumerateObject())
                {
                    // A member that the type does not know is the serializer's to refuse.
                    if (type.Properties.FirstOrDefault(property => string.Equals(property.Name, member.Name, StringComparison.Ordinal)) is { } known)
                    {
                        RequireElements(member.Value, type.Options.GetTypeInfo(known.PropertyType), $"{path}.{known.Name}");
                    }
                }

                break;
            case (JsonValueKind.Object, JsonTypeInfoKind.Dictionary):
                RequireAll(json.EnumerateObject().Select(member => member.Value), type, path);
                break;
            case (JsonValueKind.Array, JsonTypeInfoKind.Enumerable):
                RequireAll(json.EnumerateArray(), type, path);
                break;
        }
    }

    private static void RequireAll(IEnumerable<JsonElement> elements, JsonTypeInfo type, string path)
    {
        JsonTypeInfo element = type.Options.GetTypeInfo(type.ElementType ?? typeof(JsonElement));
        foreach (JsonElement item in elements)
        {
            if (item.ValueKind == JsonValueKind.Null)
            {
                throw new JsonException("null is no element", $"{path}[]", lineNumber: null, bytePositionInLine: null);
            }

            RequireElements(item, element, $"{path}[]");
        }
    }
}
