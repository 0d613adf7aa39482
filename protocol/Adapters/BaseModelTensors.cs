// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Protocol.Adapters;

/// <summary>The tensors of a base model, whose weights are one file or several with an index.</summary>
public sealed class BaseModelTensors
{
    /// <summary>The weights in one file.</summary>
    public const string SingleFile = "model.safetensors";

    private readonly Dictionary<string, (string File, TensorEntry Tensor)> _byName;

    private BaseModelTensors(IReadOnlyList<(string File, TensorEntry Tensor)> tensors)
    {
        Tensors = [.. tensors.Select(one => one.Tensor)];
        _byName = tensors.ToDictionary(one => one.Tensor.Name, StringComparer.Ordinal);
    }

    /// <summary>All tensors, file by file in the order of their bytes.</summary>
    public ImmutableArray<TensorEntry> Tensors { get; }

    /// <summary>The tensor of a name and its file; null when there is none.</summary>
    public (string File, TensorEntry Tensor)? Find(string name) => _byName.TryGetValue(name, out (string, TensorEntry) found) ? found : null;

    /// <summary>The files of a folder's weights: one, or those that the index names. Where both are there, the one file counts.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>weight_index_malformed</c> or <c>weight_shard_missing</c>.</exception>
    public static (ImmutableArray<string> Files, SafetensorsIndex? Index) FilesOf(string folder)
    {
        string path = Path.Combine(folder, SafetensorsIndex.FileName);
        if (File.Exists(Path.Combine(folder, SingleFile)) || !File.Exists(path))
        {
            return File.Exists(Path.Combine(folder, SingleFile))
                ? ([SingleFile], null)
                : throw new FedCloudException(ErrorCodes.BaseModelMissing, $"expected {SingleFile} or {SafetensorsIndex.FileName} in the base model's folder, found none");
        }

        SafetensorsIndex index = SafetensorsIndex.Parse(File.ReadAllBytes(path));
        string? missing = index.Files.FirstOrDefault(file => !File.Exists(Path.Combine(folder, file)));
        return missing is null ? (index.Files, index) : throw new FedCloudException(ErrorCodes.WeightShardMissing, $"expected {missing}, which {SafetensorsIndex.FileName} names, found none");
    }

    /// <summary>Reads the headers in a folder.</summary>
    /// <exception cref="FedCloudException">Those of <see cref="FilesOf"/> and <see cref="Of"/>, <c>safetensors_malformed</c>.</exception>
    public static BaseModelTensors OfFolder(string folder)
    {
        (ImmutableArray<string> files, SafetensorsIndex? index) = FilesOf(folder);
        List<(string, SafetensorsHeader)> headers = [];
        foreach (string file in files)
        {
            using SafetensorsFile open = SafetensorsFile.Open(Path.Combine(folder, file), SafetensorsLimits.BaseModel);
            headers.Add((file, open.Header));
        }

        return Of(headers, index);
    }

    /// <summary>Puts headers together: with an index, every tensor is in the file that it names, and in no other.</summary>
    /// <param name="headers">The files' headers.</param>
    /// <param name="index">The index; null for one file.</param>
    /// <exception cref="FedCloudException"><c>weight_index_malformed</c>.</exception>
    public static BaseModelTensors Of(IReadOnlyList<(string File, SafetensorsHeader Header)> headers, SafetensorsIndex? index)
    {
        (string File, TensorEntry Tensor)[] tensors = [.. headers.SelectMany(one => one.Header.Tensors.Select(tensor => (one.File, tensor)))];
        if (index is null)
        {
            return new BaseModelTensors(tensors);
        }

        foreach ((string file, TensorEntry tensor) in tensors)
        {
            string? named = index.FileOf.GetValueOrDefault(tensor.Name);
            if (!string.Equals(named, file, StringComparison.Ordinal))
            {
                throw SafetensorsIndex.Malformed($"expected {tensor.Name} in {named ?? "no file"}, found it in {file}");
            }
        }

        HashSet<string> found = [.. tensors.Select(one => one.Tensor.Name)];
        return index.FileOf.Keys.Order(StringComparer.Ordinal).FirstOrDefault(name => !found.Contains(name)) is { } lacking
            ? throw SafetensorsIndex.Malformed($"expected {Printable(lacking)} in {index.FileOf[lacking]}, found no such tensor there")
            : new BaseModelTensors(tensors);
    }

    private static string Printable(string name) => new([.. name.Take(80).Select(letter => letter is >= ' ' and <= '~' ? letter : '?')]);
}
