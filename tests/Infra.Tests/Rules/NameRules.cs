// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.RegularExpressions;
using FedCloud.Infra.Tests.Bicep;

namespace FedCloud.Infra.Tests.Rules;

/// <summary>Names of resources begin as abbreviations.json says.</summary>
public static partial class NameRules
{
    [GeneratedRegex(@"\babbreviations ?\. ?(?<name>[A-Za-z]+)", RegexOptions.NonBacktracking)]
    private static partial Regex Use { get; }

    public static IEnumerable<string> Check(BicepTree tree)
    {
        using JsonDocument document = JsonDocument.Parse(tree.Text("abbreviations.json"));
        HashSet<string> known = [.. document.RootElement.EnumerateObject().Select(property => property.Name)];
        HashSet<string> used = [.. tree.Files.SelectMany(file => Use.Matches(file.Text)).Select(match => match.Groups["name"].Value).Where(name => name != "json")];
        foreach (string name in used.Except(known, StringComparer.Ordinal))
        {
            yield return $"abbreviations.json has no {name}";
        }

        foreach (string name in known.Except(used, StringComparer.Ordinal))
        {
            yield return $"{name} is abbreviated and nothing is called so";
        }

        foreach (BicepModule module in tree.Main.Modules)
        {
            foreach (string parameter in tree.Target(tree.Main, module) is { } target ? NamingParameters(tree, target) : [])
            {
                if (module.Parameters[parameter] is { } value && !value.Source.Contains("abbreviations.", StringComparison.Ordinal) && !value.Source.Contains("abbreviations .", StringComparison.Ordinal))
                {
                    yield return $"main.bicep:{value.Line} {module.Symbol}: {parameter} is {value.Source}, without an abbreviation";
                }
            }
        }
    }

    // The parameters from which a file, or a module of it, makes the beginnings of names. A child's name is its own.
    private static IEnumerable<string> NamingParameters(BicepTree tree, BicepFile file)
    {
        IEnumerable<BicepValue?> names = file.Resources
            .Where(resource => !resource.IsExisting && resource.Body["parent"] is null && resource.Body["scope"] is null)
            .Select(resource => resource.Body["name"])
            .Concat(file.Modules.SelectMany(module => tree.Target(file, module) is { } target
                ? NamingParameters(tree, target).Select(parameter => module.Parameters[parameter])
                : []));
        return names.OfType<BicepValue>().Select(First).Where(file.Parameters.ContainsKey).Distinct(StringComparer.Ordinal);
    }

    // namePrefix of '${namePrefix}host', name of name.
    private static string First(BicepValue name) => name switch
    {
        BicepText { Value: var text } when text.StartsWith("${", StringComparison.Ordinal) => text[2..text.IndexOf('}', StringComparison.Ordinal)],
        BicepExpression { Text: var text } => text,
        _ => string.Empty,
    };
}
