// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.RegularExpressions;
using FedCloud.Infra.Tests.Bicep;

namespace FedCloud.Infra.Tests.Rules;

/// <summary>Modules are there, are reached, get what they ask for, and give what is asked of them.</summary>
public static partial class ModuleRules
{
    [GeneratedRegex(@"\b(?<module>[A-Za-z_][A-Za-z0-9_]*)(?: ?\[ ?[A-Za-z0-9_]+ ?\])?(?: ?!)? ?\. ?outputs ?\. ?(?<output>[A-Za-z_][A-Za-z0-9_]*)", RegexOptions.NonBacktracking)]
    private static partial Regex OutputUse { get; }

    public static IEnumerable<string> Check(BicepTree tree)
    {
        IReadOnlySet<string> reached = tree.Reached();
        foreach (BicepFile file in tree.Files.Where(file => !reached.Contains(file.Path)))
        {
            yield return $"{file.Path} is not reached from main.bicep";
        }

        foreach (BicepFile file in tree.Files)
        {
            foreach (string violation in file.Modules.SelectMany(module => OfCall(tree, file, module)).Concat(OfOutputs(tree, file)))
            {
                yield return violation;
            }
        }
    }

    private static IEnumerable<string> OfCall(BicepTree tree, BicepFile file, BicepModule module)
    {
        string place = $"{file.Path}:{module.Line} {module.Symbol}";
        if (tree.Target(file, module) is not { } target)
        {
            yield return $"{place}: there is no {module.Path}";
            yield break;
        }

        foreach (string name in module.Parameters.Properties.Keys.Where(name => !target.Parameters.ContainsKey(name)))
        {
            yield return $"{place}: {target.Path} has no parameter {name}";
        }

        foreach (BicepParameter parameter in target.Parameters.Values.Where(parameter => parameter.IsRequired && !module.Parameters.Properties.ContainsKey(parameter.Name)))
        {
            yield return $"{place}: {target.Path} needs {parameter.Name}";
        }
    }

    private static IEnumerable<string> OfOutputs(BicepTree tree, BicepFile file)
    {
        Dictionary<string, BicepFile?> modules = file.Modules.ToDictionary(module => module.Symbol, module => tree.Target(file, module), StringComparer.Ordinal);
        foreach (Match use in OutputUse.Matches(file.Text))
        {
            string symbol = use.Groups["module"].Value;
            string output = use.Groups["output"].Value;
            if (!modules.TryGetValue(symbol, out BicepFile? target))
            {
                yield return $"{file.Path}: {symbol} is no module";
            }
            else if (target is not null && !target.Outputs.ContainsKey(output))
            {
                yield return $"{file.Path}: {target.Path} has no output {output}";
            }
        }
    }
}
