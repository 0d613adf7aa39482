// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace FedCloud.Infra.Tests.Pipelines;

/// <summary>Checks a document against a JSON schema: the keywords that azd's schema uses. A keyword that it does not know stops it, so that nothing is passed over.</summary>
public sealed class JsonSchema(JsonObject root)
{
    private static readonly HashSet<string> Annotations = new(StringComparer.Ordinal) { "$schema", "$id", "$comment", "comment", "title", "description", "default", "examples", "deprecated", "definitions", "then", "else", "uniqueItems" };

    public static JsonSchema Parse(string text) => new((JsonObject)(JsonNode.Parse(text) ?? throw new FormatException("a schema is an object")));

    /// <summary>What is wrong, a line each, with the place.</summary>
    public IReadOnlyList<string> Check(JsonNode? document) => [.. Check(document, root, "$")];

    private IEnumerable<string> Check(JsonNode? node, JsonNode? schema, string at)
    {
        if (schema is JsonValue value)
        {
            return value.GetValue<bool>() ? [] : [$"{at}: is not allowed"];
        }

        JsonObject rules = (JsonObject)schema!;
        return rules.Where(rule => !Annotations.Contains(rule.Key)).SelectMany(rule => Apply(node, rules, rule.Key, rule.Value, at));
    }

    private IEnumerable<string> Apply(JsonNode? node, JsonObject rules, string keyword, JsonNode? rule, string at) => keyword switch
    {
        "$ref" => rule!.GetValue<string>() is ['#', ..] own ? Check(node, Definition(own), at) : [$"{at}: is held against {rule}, which is not here"],
        "type" => (rule is JsonArray kinds ? [.. kinds.Select(kind => kind!.GetValue<string>())] : new[] { rule!.GetValue<string>() }).Any(kind => IsOf(node, kind)) ? [] : [$"{at}: is no {rule.ToJsonString()}"],
        "const" => JsonNode.DeepEquals(node, rule) ? [] : [$"{at}: is not {rule?.ToJsonString()}"],
        "enum" => ((JsonArray)rule!).Any(choice => JsonNode.DeepEquals(node, choice)) ? [] : [$"{at}: is none of {rule!.ToJsonString()}"],
        "pattern" => node is not JsonValue text || text.GetValueKind() is not JsonValueKind.String || Regex.IsMatch(text.GetValue<string>(), rule!.GetValue<string>(), RegexOptions.None, TimeSpan.FromSeconds(1)) ? [] : [$"{at}: does not match {rule}"],
        "minLength" => node is not JsonValue text || text.GetValueKind() is not JsonValueKind.String || text.GetValue<string>().Length >= rule!.GetValue<int>() ? [] : [$"{at}: is too short"],
        "maxLength" => node is not JsonValue text || text.GetValueKind() is not JsonValueKind.String || text.GetValue<string>().Length <= rule!.GetValue<int>() ? [] : [$"{at}: is too long"],
        "minItems" => node is not JsonArray list || list.Count >= rule!.GetValue<int>() ? [] : [$"{at}: has too few items"],
        "minProperties" => node is not JsonObject entries || entries.Count >= rule!.GetValue<int>() ? [] : [$"{at}: has too few members"],
        "required" => node is JsonObject members ? ((JsonArray)rule!).Select(name => name!.GetValue<string>()).Where(name => !members.ContainsKey(name)).Select(name => $"{at}: lacks {name}") : [],
        "properties" => node is JsonObject members ? ((JsonObject)rule!).Where(property => members.ContainsKey(property.Key)).SelectMany(property => Check(members[property.Key], property.Value, $"{at}.{property.Key}")) : [],
        "additionalProperties" => node is JsonObject members ? members.Where(member => !IsDeclared(rules, member.Key)).SelectMany(member => Check(member.Value, rule, $"{at}.{member.Key}")) : [],
        "patternProperties" => node is JsonObject members
            ? ((JsonObject)rule!).SelectMany(pattern => members.Where(member => Matches(member.Key, pattern.Key)).SelectMany(member => Check(member.Value, pattern.Value, $"{at}.{member.Key}")))
            : [],
        "propertyNames" => node is JsonObject members ? members.SelectMany(member => Check(JsonValue.Create(member.Key), rule, $"{at}.{member.Key}")) : [],
        "items" => node is JsonArray list ? list.SelectMany((item, index) => Check(item, rule, $"{at}[{index}]")) : [],
        "allOf" => ((JsonArray)rule!).SelectMany(part => Check(node, part, at)),
        "anyOf" => ((JsonArray)rule!).Any(part => IsValid(node, part)) ? [] : [$"{at}: fits none of anyOf"],
        "oneOf" => ((JsonArray)rule!).Count(part => IsValid(node, part)) == 1 ? [] : [$"{at}: does not fit exactly one of oneOf"],
        "not" => IsValid(node, rule) ? [$"{at}: fits what it must not"] : [],
        "if" => (IsValid(node, rule) ? rules["then"] : rules["else"]) is { } branch ? Check(node, branch, at) : [],
        _ => throw new NotSupportedException($"the schema uses '{keyword}' at {at}, which this test does not know"),
    };

    private static bool IsDeclared(JsonObject rules, string name) =>
        (rules["properties"] as JsonObject)?.ContainsKey(name) is true || (rules["patternProperties"] as JsonObject)?.Any(pattern => Matches(name, pattern.Key)) is true;

    private static bool Matches(string name, string pattern) => Regex.IsMatch(name, pattern, RegexOptions.None, TimeSpan.FromSeconds(1));

    private bool IsValid(JsonNode? node, JsonNode? schema) => !Check(node, schema, "$").Any();

    private JsonNode? Definition(string reference) =>
        reference.Split('/').Skip(1).Aggregate((JsonNode?)root, static (node, name) => node?[name]) ?? throw new FormatException($"the schema has no {reference}");

    private static bool IsOf(JsonNode? node, string kind) => (node?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        JsonValueKind.Object => kind == "object",
        JsonValueKind.Array => kind == "array",
        JsonValueKind.String => kind == "string",
        JsonValueKind.Number => kind == "number" || (kind == "integer" && node!.AsValue().TryGetValue(out long _)),
        JsonValueKind.True or JsonValueKind.False => kind == "boolean",
        _ => kind == "null",
    };
}
