// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Protocol.Adapters;

/// <summary>Which part of a module's adapter a tensor is.</summary>
public enum Factor
{
    /// <summary>The input side, (r, in).</summary>
    A,

    /// <summary>The output side, (out, r).</summary>
    B,

    /// <summary>The lengths of the rows of a decomposed weight, (out).</summary>
    Magnitude,
}

/// <summary>One tensor of one module's adapter.</summary>
/// <param name="Module">The module it belongs to.</param>
/// <param name="Factor">Which part of its adapter.</param>
/// <param name="Tensor">Its name as PEFT writes it, type F32 and shape.</param>
public sealed record AdapterTensor(LinearShape Module, Factor Factor, TensorEntry Tensor);

/// <summary>The tensors of an adapter in the one order that all parties use: module by module, A, B and, where weights are decomposed, the magnitudes.</summary>
/// <remarks>Names are those that PEFT saves. The magnitudes' has no <c>.weight</c> at its end (huggingface/peft 0.20, <c>LoraModel._get_adapter_state_dict</c>).</remarks>
public sealed class AdapterLayout
{
    private const string NamePrefix = "base_model.model.";
    private const string SuffixOfA = ".lora_A.weight";

    private readonly Dictionary<string, (int Rank, double Scaling)> _ofModule;

    /// <summary>Lays out an adapter.</summary>
    /// <param name="modules">The adapted modules, in order.</param>
    /// <param name="form">Its ranks and scalings.</param>
    public AdapterLayout(ImmutableArray<LinearShape> modules, LoraForm form)
    {
        ArgumentNullException.ThrowIfNull(form);
        Modules = modules;
        Form = form;
        _ofModule = modules.ToDictionary(module => module.Module, module => (form.RankOf(module.Module), form.ScalingOf(module.Module)), StringComparer.Ordinal);
        Tensors = [.. modules.SelectMany(TensorsOf)];
    }

    /// <summary>Lays out an adapter of one rank whose product is not scaled: for whoever needs names and shapes only.</summary>
    /// <param name="modules">The adapted modules, in order.</param>
    /// <param name="rank">The rank.</param>
    public AdapterLayout(ImmutableArray<LinearShape> modules, int rank)
        : this(modules, new LoraForm(rank, rank))
    {
    }

    /// <summary>The layout that a plan's adapter has on a base model.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="baseModelFolder">The base model's folder, of which the headers of the weights are read.</param>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>weight_index_malformed</c>, <c>weight_shard_missing</c>, <c>safetensors_malformed</c>, <c>target_module_unmatched</c>, <c>rank_out_of_range</c>.</exception>
    public static AdapterLayout Of(RunConfig plan, string baseModelFolder)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return Of(BaseModelTensors.OfFolder(baseModelFolder).Tensors, plan.Lora.TargetModules, plan.Lora.Form());
    }

    /// <summary>The layout on the modules that are named, all of whose patterns count somewhere.</summary>
    /// <param name="tensors">The base model's tensors.</param>
    /// <param name="targetModules">The last parts of module names.</param>
    /// <param name="form">The adapter's ranks and scalings.</param>
    /// <exception cref="FedCloudException"><c>target_module_unmatched</c>, <c>rank_out_of_range</c>.</exception>
    public static AdapterLayout Of(IEnumerable<TensorEntry> tensors, IReadOnlyList<string> targetModules, LoraForm form)
    {
        ArgumentNullException.ThrowIfNull(form);
        ImmutableArray<LinearShape> modules = LinearShape.Select(tensors, targetModules, form);
        RequireUsed("rank_pattern", [.. form.RankPattern.Select(one => one.Key)], modules);
        RequireUsed("alpha_pattern", [.. form.AlphaPattern.Select(one => one.Key)], modules);
        return new AdapterLayout(modules, form);
    }

    /// <summary>The layout that the adapter in a file of tensors has: the modules that have both factors there, in the order of the file.</summary>
    /// <param name="header">The file's header; whether it holds this layout and nothing else is the caller's to compare.</param>
    /// <param name="form">The adapter's ranks and scalings.</param>
    public static AdapterLayout Of(SafetensorsHeader header, LoraForm form)
    {
        ArgumentNullException.ThrowIfNull(header);
        List<LinearShape> modules = [];
        foreach (TensorEntry tensor in header.Tensors.Where(tensor => tensor.Name.StartsWith(NamePrefix, StringComparison.Ordinal) && tensor.Name.EndsWith(SuffixOfA, StringComparison.Ordinal)))
        {
            string module = tensor.Name[NamePrefix.Length..^SuffixOfA.Length];
            if (tensor.Shape is [_, <= int.MaxValue and var width]
                && header.ByName.GetValueOrDefault(Name(module, Factor.B)) is { Shape: [<= int.MaxValue and var height, _] })
            {
                modules.Add(new LinearShape(module, (int)width, (int)height));
            }
        }

        return new AdapterLayout([.. modules], form);
    }

    /// <summary>The adapted modules.</summary>
    public ImmutableArray<LinearShape> Modules { get; }

    /// <summary>Ranks and scalings.</summary>
    public LoraForm Form { get; }

    /// <summary>All tensors.</summary>
    public ImmutableArray<AdapterTensor> Tensors { get; }

    /// <summary>The rank of an adapted module.</summary>
    /// <param name="module">Its full name.</param>
    public int RankOf(string module) => _ofModule[module].Rank;

    /// <summary>What the product B·A of an adapted module is multiplied by.</summary>
    /// <param name="module">Its full name.</param>
    public double ScalingOf(string module) => _ofModule[module].Scaling;

    /// <summary>The tensor's name as PEFT saves it.</summary>
    public static string Name(LinearShape module, Factor factor)
    {
        ArgumentNullException.ThrowIfNull(module);
        return Name(module.Module, factor);
    }

    /// <summary>The tensors that travel in a round, in order. Magnitudes travel with either factor.</summary>
    public ImmutableArray<AdapterTensor> Exchanged(ExchangedFactor exchanged) => exchanged switch
    {
        ExchangedFactor.A => [.. Tensors.Where(tensor => tensor.Factor != Factor.B)],
        ExchangedFactor.B => [.. Tensors.Where(tensor => tensor.Factor != Factor.A)],
        _ => Tensors,
    };

    /// <summary>The tensors of an update file, in order.</summary>
    /// <param name="exchanged">The factors that travel.</param>
    /// <param name="type">F32, the difference new minus old; or I32, whole ring units of a job with <c>ring</c> (docs/job-format.md). Both take 4 bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another type: no update has it.</exception>
    public ImmutableArray<TensorEntry> UpdateTensors(ExchangedFactor exchanged, TensorType type = TensorType.F32) => type is TensorType.F32 or TensorType.I32
        ? [.. Exchanged(exchanged).Select(tensor => tensor.Tensor with { Type = type })]
        : throw new ArgumentOutOfRangeException(nameof(type), type, "an update is F32 or I32");

    /// <summary>The bytes before the data of an update file: a receiver compares them byte for byte.</summary>
    /// <remarks>The file holds <see cref="UpdateTensors"/> and no metadata. Its length does not depend on the type.</remarks>
    /// <param name="exchanged">The factors that travel.</param>
    /// <param name="type">F32 or I32.</param>
    public byte[] UpdateHeader(ExchangedFactor exchanged, TensorType type = TensorType.F32) => SafetensorsWriter.HeaderBytes(UpdateTensors(exchanged, type));

    /// <summary>The number of coordinates that travel.</summary>
    public long UpdateCoordinates(ExchangedFactor exchanged) => Exchanged(exchanged).Sum(tensor => tensor.Tensor.Count);

    /// <summary>The exact length of an update file in bytes.</summary>
    public long UpdateLength(ExchangedFactor exchanged) => UpdateHeader(exchanged).Length + (4 * UpdateCoordinates(exchanged));

    private static string Name(string module, Factor factor) => factor == Factor.Magnitude ? $"{NamePrefix}{module}.lora_magnitude_vector" : $"{NamePrefix}{module}.lora_{factor}.weight";

    // A key that matches nothing is a slip of the pen, and one that never comes first has no effect.
    private static void RequireUsed(string field, ImmutableArray<string> keys, ImmutableArray<LinearShape> modules)
    {
        HashSet<string?> used = [.. modules.Select(module => ModulePattern.Key(keys, module.Module))];
        if (keys.FirstOrDefault(key => !used.Contains(key)) is { } idle)
        {
            throw new FedCloudException(ErrorCodes.TargetModuleUnmatched, $"{field}: expected {idle} to name an adapted module that no longer key names, found none", $"correct {field}");
        }
    }

    private IEnumerable<AdapterTensor> TensorsOf(LinearShape module)
    {
        int rank = RankOf(module.Module);
        yield return new AdapterTensor(module, Factor.A, TensorEntry.Of(Name(module, Factor.A), TensorType.F32, rank, module.In));
        yield return new AdapterTensor(module, Factor.B, TensorEntry.Of(Name(module, Factor.B), TensorType.F32, module.Out, rank));
        if (Form.IsDecomposed)
        {
            yield return new AdapterTensor(module, Factor.Magnitude, TensorEntry.Of(Name(module, Factor.Magnitude), TensorType.F32, module.Out));
        }
    }
}
