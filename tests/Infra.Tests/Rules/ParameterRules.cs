// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.RegularExpressions;
using FedCloud.Infra.Tests.Bicep;

namespace FedCloud.Infra.Tests.Rules;

/// <summary>main.parameters.json and main.bicep agree, and nothing is declared that nobody uses.</summary>
public static partial class ParameterRules
{
    // ${NAME} or ${NAME=default}, the form that azd fills in.
    [GeneratedRegex(@"^\$\{[A-Z][A-Z0-9_]*(=[^{}$]*)?\}$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Substitution { get; }

    [GeneratedRegex("[A-Za-z_][A-Za-z0-9_]*", RegexOptions.NonBacktracking)]
    private static partial Regex Word { get; }

    public static IEnumerable<string> Check(BicepTree tree)
    {
        using JsonDocument document = JsonDocument.Parse(tree.Text("main.parameters.json"));
        JsonElement given = document.RootElement.GetProperty("parameters");
        foreach (JsonProperty parameter in given.EnumerateObject())
        {
            if (!tree.Main.Parameters.ContainsKey(parameter.Name))
            {
                yield return $"main.bicep has no parameter {parameter.Name}";
            }

            string value = parameter.Value.GetProperty("value").GetString() ?? string.Empty;
            if (!Substitution.IsMatch(value))
            {
                yield return $"{parameter.Name} is '{value}', which azd does not fill in";
            }
        }

        foreach (BicepParameter parameter in tree.Main.Parameters.Values.Where(parameter => parameter.IsRequired && !given.TryGetProperty(parameter.Name, out _)))
        {
            yield return $"main.parameters.json lacks {parameter.Name}, which main.bicep needs";
        }

        foreach (BicepFile file in tree.Files)
        {
            Dictionary<string, int> words = Word.Matches(file.Text).CountBy(match => match.Value, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
            foreach (string name in file.Parameters.Keys.Concat(file.Variables.Keys).Where(name => words[name] < 2))
            {
                yield return $"{file.Path} does not use {name}";
            }
        }
    }
}
