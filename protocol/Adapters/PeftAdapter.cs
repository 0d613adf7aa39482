// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Protocol.Adapters;

/// <summary>An adapter's folder as PEFT saves it, held against a base model: configuration, modules, and the names, shapes and types of its tensors.</summary>
public sealed class PeftAdapter
{
    /// <summary>The tensors' file in an adapter's folder.</summary>
    public const string WeightsFile = "adapter_model.safetensors";

    private const string PickledFile = "adapter_model.bin";

    private PeftAdapter(string folder, PeftConfig config, AdapterLayout layout)
    {
        WeightsPath = Path.Combine(folder, WeightsFile);
        Config = config;
        Layout = layout;
    }

    /// <summary>The configuration.</summary>
    public PeftConfig Config { get; }

    /// <summary>The tensors on the base model's modules.</summary>
    public AdapterLayout Layout { get; }

    /// <summary>The file of the tensors.</summary>
    public string WeightsPath { get; }

    /// <summary>Whether the adapter names its base model by digest, so that another one is told from it.</summary>
    public bool NamesDigest => Config.BaseModelNameOrPath is { } name && Sha256Digest.IsValid(name);

    /// <summary>Opens an adapter.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="baseTensors">The base model's tensors.</param>
    /// <exception cref="FedCloudException"><c>file_missing</c>, <c>file_not_tensors</c>, <c>adapter_unsupported</c>, <c>target_module_unmatched</c>, <c>safetensors_malformed</c>, <c>tensor_missing</c>, <c>tensor_shape_mismatch</c> or <c>tensor_type_mismatch</c>.</exception>
    public static PeftAdapter Open(string folder, IReadOnlyCollection<TensorEntry> baseTensors)
    {
        PeftConfig config = PeftConfigReader.Read(ReadConfig(Path.Combine(folder, PeftConfig.FileName)));
        ImmutableArray<LinearShape> modules = Modules(config, LinearShape.All(baseTensors));
        PeftAdapter adapter = new(folder, config, new AdapterLayout(modules, config.Form));
        if (!File.Exists(adapter.WeightsPath) && File.Exists(Path.Combine(folder, PickledFile)))
        {
            throw new FedCloudException(ErrorCodes.FileNotTensors, $"expected {WeightsFile}, found {PickledFile}, a pickle", "load the adapter in PEFT on a machine that may run it, and save it with safe_serialization=True");
        }

        using SafetensorsFile file = SafetensorsFile.Open(adapter.WeightsPath, SafetensorsLimits.Foreign);
        adapter.RequireTensors(file.Header);
        return adapter;
    }

    /// <summary>Refuses another base model than the one whose digest the adapter names. One that names something else cannot be told from another of the same shapes.</summary>
    /// <param name="baseFolder">The base model's folder, which is read as a whole.</param>
    /// <exception cref="FedCloudException"><c>adapter_base_mismatch</c>, or those of <see cref="BaseModelManifest.OfFolder"/>.</exception>
    public void RequireBase(string baseFolder)
    {
        if (NamesDigest && BaseModelManifest.OfFolder(baseFolder).Digest().Hex is var found && !string.Equals(found, Config.BaseModelNameOrPath, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.AdapterBaseMismatch, $"expected the base model {Config.BaseModelNameOrPath?[..16]}…, found {found[..16]}…");
        }
    }

    private static byte[] ReadConfig(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"expected a readable {PeftConfig.FileName} in the adapter's folder, found none", cause: error);
        }
    }

    private static ImmutableArray<LinearShape> Modules(PeftConfig config, ImmutableArray<LinearShape> all)
    {
        bool isGpt2 = all.Any(module => module.Module.StartsWith("transformer.", StringComparison.Ordinal));
        string[] outside = isGpt2 ? ["lm_head", "transformer.wte", "transformer.wpe"] : ["lm_head", "model.embed_tokens"];
        if (outside.FirstOrDefault(config.TargetModules.MatchOutside) is { } other)
        {
            throw PeftConfigReader.Unsupported($"target_modules names {other}, and adapters on embeddings and heads are not implemented");
        }

        ImmutableArray<LinearShape> modules = [.. all.Where(module => config.TargetModules.Match(module.Module))];
        if (modules.IsEmpty)
        {
            throw new FedCloudException(ErrorCodes.TargetModuleUnmatched, $"{PeftConfig.FileName}: expected target_modules to name linear modules of the base model, found none", "choose the base model that the adapter was trained on");
        }

        if (config.FanInFanOut is { } inOut && modules.FirstOrDefault(module => LinearShape.IsInOut(module.Module.Split('.')[^1]) != inOut) is { } wrong)
        {
            throw PeftConfigReader.Unsupported($"fan_in_fan_out: expected {(inOut ? "false" : "true")} for {wrong.Module}, found {(inOut ? "true" : "false")}");
        }

        return modules;
    }

    private void RequireTensors(SafetensorsHeader header)
    {
        foreach (TensorEntry expected in Layout.Tensors.Select(tensor => tensor.Tensor))
        {
            TensorEntry found = header.Require(expected.Name, expected.Shape.AsSpan());
            if (found.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16))
            {
                throw new FedCloudException(ErrorCodes.TensorTypeMismatch, $"{WeightsFile}: expected {found.Name} as F32, F16 or BF16, found {found.Type}");
            }
        }

        HashSet<string> expectedNames = [.. Layout.Tensors.Select(tensor => tensor.Tensor.Name)];
        if (header.Tensors.FirstOrDefault(tensor => !expectedNames.Contains(tensor.Name)) is { } surplus)
        {
            throw new FedCloudException(ErrorCodes.AdapterUnsupported, $"{WeightsFile}: expected the adapter's tensors and no other, found {surplus.Name}, which {PeftConfig.FileName} does not imply");
        }
    }
}
