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
    private const string Gpt2Prefix = "transformer.";

    /// <summary>The linear modules that the plan names, by layer, then in the order of <paramref name="targetModules"/>, then by full name.</summary>
    /// <remarks>
    /// Names are module paths as PEFT sees them. Weights are (out, in), but those of GPT-2's Conv1D modules, <c>c_attn</c>, <c>c_proj</c> and
    /// <c>c_fc</c> in <c>h.N.attn</c> and <c>h.N.mlp</c>, are (in, out); that is decided by these names. GPT-2's checkpoints may
    /// leave out <c>transformer.</c> at the beginning of names; modules have it all the same. <c>c_proj</c> names two modules of a layer.
    /// </remarks>
    /// <param name="tensors">The base model's tensors.</param>
    /// <param name="targetModules">The last parts of module names.</param>
    /// <param name="form">The adapter's ranks.</param>
    /// <exception cref="FedCloudException"><c>target_module_unmatched</c> or <c>rank_out_of_range</c>.</exception>
    public static ImmutableArray<LinearShape> Select(IEnumerable<TensorEntry> tensors, IReadOnlyList<string> targetModules, LoraForm form)
    {
        ArgumentNullException.ThrowIfNull(form);
        List<(int Layer, int Target, LinearShape Shape)> found = [];
        foreach (TensorEntry tensor in tensors)
        {
            if (Find(tensor) is not { } linear || targetModules.ToList().IndexOf(linear.Last) is not (>= 0 and var target))
            {
                continue;
            }

            LinearShape shape = linear.Shape;
            int rank = form.RankOf(shape.Module);
            if (rank > Math.Min(shape.In, shape.Out))
            {
                throw new FedCloudException(ErrorCodes.RankOutOfRange, $"expected a rank of at most {Math.Min(shape.In, shape.Out)} for {shape.Module}, found {rank}");
            }

            found.Add((linear.Layer, target, shape));
        }

        for (int i = 0; i < targetModules.Count; i++)
        {
            if (!found.Any(entry => entry.Target == i))
            {
                throw new FedCloudException(ErrorCodes.TargetModuleUnmatched, $"expected a linear module named {targetModules[i]}, found none");
            }
        }

        return [.. found.OrderBy(entry => entry.Layer).ThenBy(entry => entry.Target).ThenBy(entry => entry.Shape.Module, StringComparer.Ordinal).Select(entry => entry.Shape)];
    }

    /// <summary>The same for one rank.</summary>
    public static ImmutableArray<LinearShape> Select(IEnumerable<TensorEntry> tensors, IReadOnlyList<string> targetModules, int rank) => Select(tensors, targetModules, new LoraForm(rank, rank));

    /// <summary>All linear modules of the layers, by layer, then in the order of the file.</summary>
    /// <param name="tensors">The base model's tensors.</param>
    public static ImmutableArray<LinearShape> All(IEnumerable<TensorEntry> tensors) =>
        [.. tensors.Select(Find).OfType<(int Layer, string Last, LinearShape Shape)>().OrderBy(one => one.Layer).Select(one => one.Shape)];

    /// <summary>Whether the weights of modules of this name are (in, out).</summary>
    /// <param name="targetModule">The last part of a module's name.</param>
    public static bool IsInOut(string targetModule) => targetModule is "c_attn" or "c_proj" or "c_fc";

    private static (int Layer, string Last, LinearShape Shape)? Find(TensorEntry tensor)
    {
        // A side that no matrix can have makes no linear module.
        if (tensor.Shape is not [<= int.MaxValue and var first, <= int.MaxValue and var second])
        {
            return null;
        }

        string module = tensor.Name.EndsWith(".weight", StringComparison.Ordinal) ? tensor.Name[..^".weight".Length] : string.Empty;
        (int rows, int columns) = ((int)first, (int)second);
        if (LayerModule().Match(module) is { Success: true } match)
        {
            return (int.Parse(match.Groups["layer"].ValueSpan), match.Groups["module"].Value, new LinearShape(module, columns, rows));
        }

        if (Gpt2Module().Match(module) is { Success: true } gpt2)
        {
            string full = module.StartsWith(Gpt2Prefix, StringComparison.Ordinal) ? module : Gpt2Prefix + module;
            return (int.Parse(gpt2.Groups["layer"].ValueSpan), gpt2.Groups["module"].Value, new LinearShape(full, rows, columns));
        }

        return null;
    }

    [GeneratedRegex(@"^model\.layers\.(?<layer>[0-9]{1,5})\.(self_attn|mlp)\.(?<module>[a-z0-9_]+)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex LayerModule();

    [GeneratedRegex(@"^(transformer\.)?h\.(?<layer>[0-9]{1,5})\.(attn|mlp)\.(?<module>c_attn|c_proj|c_fc)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Gpt2Module();
}
