// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Protocol.Adapters;

/// <summary>Which factor a tensor is.</summary>
public enum Factor
{
    /// <summary>The input side, (r, in).</summary>
    A,

    /// <summary>The output side, (out, r).</summary>
    B,
}

/// <summary>One factor of one module's adapter.</summary>
/// <param name="Module">The module it belongs to.</param>
/// <param name="Factor">Which factor.</param>
/// <param name="Tensor">Its name as PEFT writes it, type F32 and shape.</param>
public sealed record AdapterTensor(LinearShape Module, Factor Factor, TensorEntry Tensor);

/// <summary>The tensors of an adapter in the one order that all parties use: module by module, A before B.</summary>
public sealed class AdapterLayout
{
    private const string NamePrefix = "base_model.model.";
    private const string SuffixOfA = ".lora_A.weight";

    /// <summary>Lays out an adapter.</summary>
    /// <param name="modules">The adapted modules, in order.</param>
    /// <param name="rank">The rank.</param>
    public AdapterLayout(ImmutableArray<LinearShape> modules, int rank)
    {
        Modules = modules;
        Rank = rank;
        Tensors =
        [
            .. modules.SelectMany(module => new[]
            {
                new AdapterTensor(module, Factor.A, TensorEntry.Of(Name(module, Factor.A), TensorType.F32, rank, module.In)),
                new AdapterTensor(module, Factor.B, TensorEntry.Of(Name(module, Factor.B), TensorType.F32, module.Out, rank)),
            }),
        ];
    }

    /// <summary>The layout that a plan's adapter has on a base model.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="baseModelFolder">The base model's folder, of which the headers of the weights are read.</param>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>weight_index_malformed</c>, <c>weight_shard_missing</c>, <c>safetensors_malformed</c>, <c>target_module_unmatched</c>, <c>rank_out_of_range</c>.</exception>
    public static AdapterLayout Of(RunConfig plan, string baseModelFolder)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new AdapterLayout(LinearShape.Select(BaseModelTensors.OfFolder(baseModelFolder).Tensors, plan.Lora.TargetModules, plan.Lora.Rank), plan.Lora.Rank);
    }

    /// <summary>The layout that the adapter in a file of tensors has: the modules that have both factors there, in the order of the file.</summary>
    /// <param name="header">The file's header; whether it holds this layout and nothing else is the caller's to compare.</param>
    /// <param name="rank">The rank.</param>
    public static AdapterLayout Of(SafetensorsHeader header, int rank)
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

        return new AdapterLayout([.. modules], rank);
    }

    /// <summary>The adapted modules.</summary>
    public ImmutableArray<LinearShape> Modules { get; }

    /// <summary>The rank.</summary>
    public int Rank { get; }

    /// <summary>All tensors.</summary>
    public ImmutableArray<AdapterTensor> Tensors { get; }

    /// <summary>The tensor's name as PEFT saves it.</summary>
    public static string Name(LinearShape module, Factor factor)
    {
        ArgumentNullException.ThrowIfNull(module);
        return Name(module.Module, factor);
    }

    /// <summary>The tensors that travel in a round, in order.</summary>
    public ImmutableArray<AdapterTensor> Exchanged(ExchangedFactor exchanged) => exchanged switch
    {
        ExchangedFactor.A => [.. Tensors.Where(tensor => tensor.Factor == Factor.A)],
        ExchangedFactor.B => [.. Tensors.Where(tensor => tensor.Factor == Factor.B)],
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

    private static string Name(string module, Factor factor) => $"{NamePrefix}{module}.lora_{factor}.weight";
}
