// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>The weights of a base model's folder, in one file or in several. A tensor in F32 is used where it lies in the mapped file; one in BF16 too, if that is asked for; others are converted piece by piece. So no second copy is held.</summary>
public sealed class BaseWeights : IDisposable
{
    private readonly BaseModelTensors _tensors;
    private readonly Dictionary<string, (SafetensorsFile File, MappedFile Map)> _files;

    private BaseWeights(BaseModelTensors tensors, Dictionary<string, (SafetensorsFile File, MappedFile Map)> files)
    {
        _tensors = tensors;
        _files = files;
    }

    /// <summary>All tensors.</summary>
    public ImmutableArray<TensorEntry> Tensors => _tensors.Tensors;

    /// <summary>Opens a folder's weights.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, <c>weight_index_malformed</c>, <c>weight_shard_missing</c>, <c>safetensors_malformed</c> or <c>file_not_tensors</c>.</exception>
    public static BaseWeights Open(string folder)
    {
        (ImmutableArray<string> names, SafetensorsIndex? index) = BaseModelTensors.FilesOf(folder);
        Dictionary<string, (SafetensorsFile File, MappedFile Map)> files = new(StringComparer.Ordinal);
        try
        {
            foreach (string name in names)
            {
                string path = Path.Combine(folder, name);
                SafetensorsFile file = SafetensorsFile.Open(path, SafetensorsLimits.BaseModel);
                files.Add(name, (file, new MappedFile(path)));
            }

            return new BaseWeights(BaseModelTensors.Of([.. files.Select(one => (one.Key, one.Value.File.Header))], index), files);
        }
        catch
        {
            Dispose(files.Values);
            throw;
        }
    }

    /// <summary>A weight, which is the caller's.</summary>
    /// <param name="shape">The weight.</param>
    /// <param name="optionalPrefix">What its name may lack at its beginning.</param>
    /// <param name="storage">How it is stored, if it need not be float32.</param>
    /// <exception cref="FedCloudException"><c>tensor_missing</c>, <c>tensor_shape_mismatch</c>, <c>tensor_type_mismatch</c> or <c>tensor_not_finite</c>.</exception>
    internal Parameter Read(WeightShape shape, string optionalPrefix, WeightStorage storage = WeightStorage.F32)
    {
        (SafetensorsFile file, MappedFile map, TensorEntry tensor) = Find(shape.Name, optionalPrefix)
            ?? throw new FedCloudException(ErrorCodes.TensorMissing, $"expected a tensor {shape.Name}, found none");
        _ = shape.IsVector ? file.Header.Require(tensor.Name, shape.Columns) : file.Header.Require(tensor.Name, shape.Rows, shape.Columns);
        if (storage != WeightStorage.F32 && shape.IsCompactible)
        {
            return new Parameter(shape.Name, new CompactReading(file, map, tensor, shape).Read(storage));
        }

        long position = file.Header.DataStart + tensor.Offset;
        bool inPlace = tensor.Type == TensorType.F32 && position % sizeof(float) == 0;
        Matrix matrix = inPlace ? map.Matrix(shape.Rows, shape.Columns, position) : new Matrix(shape.Rows, shape.Columns);
        if (!inPlace)
        {
            file.ReadF32(tensor, 0, matrix.Span);
        }

        return FiniteCheck.IndexOfNotFinite(matrix.Span) < 0
            ? new Parameter(shape.Name, matrix, shape.IsVector)
            : throw new FedCloudException(ErrorCodes.TensorNotFinite, $"expected finite numbers in the base model's {tensor.Name}, found NaN or infinity");
    }

    /// <summary>Refuses a tied head that is stored beside the embedding with other bytes.</summary>
    /// <exception cref="FedCloudException"><c>tied_weights_differ</c>.</exception>
    internal void RequireTied(ModelNames names)
    {
        if (Find(names.Head + ".weight", names.OptionalPrefix) is not { } head || Find(names.Embedding + ".weight", names.OptionalPrefix) is not { } embedding)
        {
            return;
        }

        bool equal = head.Tensor.Type == embedding.Tensor.Type && head.Tensor.Shape.SequenceEqual(embedding.Tensor.Shape);
        byte[] left = new byte[1 << 16];
        byte[] right = new byte[left.Length];
        for (long start = 0; equal && start < head.Tensor.ByteLength; start += left.Length)
        {
            int count = (int)Math.Min(left.Length, head.Tensor.ByteLength - start);
            head.File.ReadRaw(head.Tensor, start, left.AsSpan(0, count));
            embedding.File.ReadRaw(embedding.Tensor, start, right.AsSpan(0, count));
            equal = left.AsSpan(0, count).SequenceEqual(right.AsSpan(0, count));
        }

        if (!equal)
        {
            throw new FedCloudException(ErrorCodes.TiedWeightsDiffer, $"expected {head.Tensor.Name} to be {embedding.Tensor.Name}, since config.json ties them, found other bytes");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Dispose(_files.Values);

    private static void Dispose(IEnumerable<(SafetensorsFile File, MappedFile Map)> files)
    {
        foreach ((SafetensorsFile file, MappedFile map) in files)
        {
            file.Dispose();
            map.Dispose();
        }
    }

    private (SafetensorsFile File, MappedFile Map, TensorEntry Tensor)? Find(string name, string optionalPrefix)
    {
        string shorter = name.StartsWith(optionalPrefix, StringComparison.Ordinal) ? name[optionalPrefix.Length..] : name;
        return (_tensors.Find(name) ?? _tensors.Find(shorter)) is { } found ? (_files[found.File].File, _files[found.File].Map, found.Tensor) : null;
    }
}
