// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.RegularExpressions;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Protocol.Adapters;

/// <summary>A linear module of a base model.</summary>
/// <param name="Module">Its full name, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="In">The input width.</param>
/// <param name="Out">The output width.</param>
public sealed partial record LinearShape(string Module, int In, int Out)
{
    /// <summary>The linear modules that the plan names, by layer, then in the order of <paramref name="targetModules"/>.</summary>
    /// <param name="tensors">The base model's tensors.</param>
    /// <param name="targetModules">The last parts of module names.</param>
    /// <param name="rank">The LoRA rank.</param>
    /// <exception cref="FedCloudException"><c>target_module_unmatched</c> or <c>rank_out_of_range</c>.</exception>
    public static ImmutableArray<LinearShape> Select(IEnumerable<TensorEntry> tensors, IReadOnlyList<string> targetModules, int rank)
    {
        List<(int Layer, int Target, LinearShape Shape)> found = [];
        foreach (TensorEntry tensor in tensors)
        {
            Match match = LayerWeight().Match(tensor.Name);
            int target = match.Success ? targetModules.ToList().IndexOf(match.Groups["module"].Value) : -1;
            if (target < 0 || tensor.Shape.Length != 2)
            {
                continue;
            }

            LinearShape shape = new(tensor.Name[..^".weight".Length], checked((int)tensor.Shape[1]), checked((int)tensor.Shape[0]));
            if (rank > Math.Min(shape.In, shape.Out))
            {
                throw new FedCloudException(ErrorCodes.RankOutOfRange, $"expected a rank of at most {Math.Min(shape.In, shape.Out)} for {shape.Module}, found {rank}");
            }

            found.Add((int.Parse(match.Groups["layer"].ValueSpan), target, shape));
        }

        for (int i = 0; i < targetModules.Count; i++)
        {
            if (!found.Any(entry => entry.Target == i))
            {
                throw new FedCloudException(ErrorCodes.TargetModuleUnmatched, $"expected a linear module named {targetModules[i]}, found none");
            }
        }

        return [.. found.OrderBy(entry => entry.Layer).ThenBy(entry => entry.Target).Select(entry => entry.Shape)];
    }

    [GeneratedRegex(@"^model\.layers\.(?<layer>[0-9]{1,5})\.(self_attn|mlp)\.(?<module>[a-z0-9_]+)\.weight$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex LayerWeight();
}
