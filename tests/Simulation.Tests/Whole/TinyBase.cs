// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>A base model of two linear layers, too small to be of use and large enough to have an adapter.</summary>
internal static class TinyBase
{
    private const int Side = 6;

    public static string Folder { get; } = Make();

    public static BaseModelManifest Manifest { get; } = BaseModelManifest.OfFolder(Folder);

    private static string Make()
    {
        string folder = Directory.CreateTempSubdirectory("simulation-base").FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), "{\"model_type\":\"llama\"}");
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), "{}");
        TensorEntry[] entries =
        [
            TensorEntry.Of("model.layers.0.self_attn.q_proj.weight", TensorType.F32, Side, Side),
            TensorEntry.Of("model.layers.0.self_attn.v_proj.weight", TensorType.F32, Side, Side),
        ];
        SafetensorsWriter.WriteFile(Path.Combine(folder, "model.safetensors"), entries, metadata: null, (entry, stream) => stream.Write(MemoryMarshal.AsBytes<float>(new float[entry.Count])));
        return folder;
    }
}
