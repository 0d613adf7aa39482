// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Merging;

/// <summary>Adds an adapter to the weights of its base model: a Hugging Face folder that needs no PEFT. Files, names and order of the tensors are the base model's.</summary>
/// <remarks>Weights are computed in float32 and rounded once to the type of the file. At most one tensor is in memory. The folder appears whole or not at all.</remarks>
public static class AdapterMerge
{
    private const string ConfigName = "config.json";

    // What is copied as it is, where it is there. Licences too: the merged weights are under the base model's.
    private static readonly string[] Companions =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.model", "vocab.json", "merges.txt",
        "chat_template.jinja", "chat_template.json", "generation_config.json", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "USE_POLICY.md",
    ];

    /// <summary>Merges.</summary>
    /// <exception cref="FedCloudException">Those of <see cref="PeftAdapter.Open"/> and <see cref="PeftAdapter.RequireBase"/>, <c>folder_not_empty</c>, <c>config_unsupported</c>, <c>tied_weights_differ</c>, <c>tensor_not_finite</c>, <c>disk_full</c> and those of reading base weights.</exception>
    public static MergeOutcome Run(MergeRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        string output = Path.GetFullPath(request.Output).TrimEnd(Path.DirectorySeparatorChar);
        string part = output + ".part";
        RequireRoom(output, part);
        RequireModel(request.Base);
        BaseModelTensors tensors = BaseModelTensors.OfFolder(request.Base);
        PeftAdapter adapter = PeftAdapter.Open(request.Adapter, tensors.Tensors);
        adapter.RequireBase(request.Base);
        try
        {
            Directory.CreateDirectory(part);
            WriteWeights(request, adapter, part);
            WriteCompanions(request, part);
            if (Directory.Exists(output))
            {
                Directory.Delete(output);
            }

            Directory.Move(part, output);
        }
        catch (Exception error)
        {
            Remove(part);
            if (error is IOException or UnauthorizedAccessException)
            {
                throw new FedCloudException(ErrorCodes.DiskFull, $"{Path.GetFileName(output)} could not be written: {error.Message}", cause: error);
            }

            throw;
        }

        return new MergeOutcome(adapter.Layout.Modules.Length, adapter.NamesDigest, adapter.Config.BaseModelNameOrPath);
    }

    private static void RequireRoom(string output, string part)
    {
        if (File.Exists(output) || (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any()))
        {
            throw new FedCloudException(ErrorCodes.FolderNotEmpty, $"expected no folder {Path.GetFileName(output)}, or an empty one, found another");
        }

        if (Directory.Exists(part))
        {
            throw new FedCloudException(ErrorCodes.FolderNotEmpty, $"expected no folder {Path.GetFileName(part)}, found one, which a command that was stopped left", $"remove {Path.GetFileName(part)}, then repeat the command");
        }
    }

    // A base model that could not be loaded is not merged either.
    private static void RequireModel(string folder)
    {
        ModelConfig config = ModelConfig.Read(Path.Combine(folder, ConfigName));
        if (config.TiedHead)
        {
            using BaseWeights weights = BaseWeights.Open(folder);
            weights.RequireTied(config.Names);
        }
    }

    private static void WriteWeights(MergeRequest request, PeftAdapter adapter, string part)
    {
        (ImmutableArray<string> files, SafetensorsIndex? index) = BaseModelTensors.FilesOf(request.Base);
        using SafetensorsFile factors = SafetensorsFile.Open(adapter.WeightsPath, SafetensorsLimits.Foreign);
        MergedTensors merged = new(adapter.Layout, factors);
        long total = 0;
        foreach (string name in files)
        {
            using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(request.Base, name), SafetensorsLimits.BaseModel);
            TensorEntry[] entries = [.. file.Header.Tensors.Select(tensor => TensorEntry.Of(tensor.Name, TypeOf(tensor, request.Type), tensor.Shape.AsSpan()))];
            Dictionary<string, string> metadata = file.Header.Metadata.IsEmpty
                ? new(StringComparer.Ordinal) { ["format"] = "pt" }
                : new(file.Header.Metadata, StringComparer.Ordinal);
            SafetensorsWriter.WriteFile(Path.Combine(part, name), entries, metadata, (entry, stream) => merged.Write(file, file.Header.ByName[entry.Name], entry.Type, stream));
            total += entries.Sum(entry => entry.ByteLength);
        }

        if (index is not null)
        {
            JsonObject map = [];
            foreach ((string tensor, string file) in index.FileOf.OrderBy(one => one.Key, StringComparer.Ordinal))
            {
                map[tensor] = file;
            }

            Write(Path.Combine(part, SafetensorsIndex.FileName), new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = total }, ["weight_map"] = map });
        }
    }

    private static TensorType TypeOf(TensorEntry tensor, TensorType? wanted) =>
        tensor.Type is TensorType.F32 or TensorType.F16 or TensorType.BF16 ? wanted ?? tensor.Type : tensor.Type;

    private static void WriteCompanions(MergeRequest request, string part)
    {
        foreach (string name in Companions.Where(name => File.Exists(Path.Combine(request.Base, name))))
        {
            File.Copy(Path.Combine(request.Base, name), Path.Combine(part, name));
        }

        string config = Path.Combine(request.Base, ConfigName);
        if (request.Type is not { } type)
        {
            File.Copy(config, Path.Combine(part, ConfigName));
            return;
        }

        JsonObject json = JsonNode.Parse(File.ReadAllBytes(config))?.AsObject() ?? [];
        json[json.ContainsKey("dtype") ? "dtype" : "torch_dtype"] = type switch
        {
            TensorType.BF16 => "bfloat16",
            TensorType.F16 => "float16",
            _ => "float32",
        };
        Write(Path.Combine(part, ConfigName), json);
    }

    private static void Write(string path, JsonObject json)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter writer = new(bytes, new JsonWriterOptions { Indented = true }))
        {
            json.WriteTo(writer);
        }

        WholeFile.Write(path, bytes.ToArray());
    }

    private static void Remove(string part)
    {
        try
        {
            Directory.Delete(part, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error says what happened; the next attempt names the folder.
        }
    }
}
