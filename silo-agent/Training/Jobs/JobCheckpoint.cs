// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Llama;
using FedCloud.Training.Optimization;

namespace FedCloud.Training.Jobs;

/// <summary>The state inside a job: trained weights, AdamW's moments and the losses so far, in one file that appears whole or not at all.</summary>
internal sealed class JobCheckpoint(string folder, IEnumerable<Parameter> trained, AdamW optimizer)
{
    private const string LossName = "losses";

    private static readonly string[] Prefixes = ["w.", "m.", "v."];

    private readonly string _path = Path.Combine(folder, "checkpoint.safetensors");
    private readonly Parameter[] _trained = [.. trained];

    /// <summary>Saves the state after the last step.</summary>
    public void Save(List<double> losses)
    {
        ImmutableArray<TensorEntry> entries =
        [
            .. _trained.SelectMany(parameter => Prefixes.Select(prefix => TensorEntry.Of(prefix + parameter.Name, TensorType.F32, parameter.Value.Rows, parameter.Value.Columns))),
            TensorEntry.Of(LossName, TensorType.U8, losses.Count * sizeof(double)),
        ];
        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { ["step"] = losses.Count.ToString(CultureInfo.InvariantCulture) };
        SafetensorsWriter.WriteFile(_path, entries, metadata, (entry, stream) =>
            stream.Write(string.Equals(entry.Name, LossName, StringComparison.Ordinal)
                ? MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(losses))
                : MemoryMarshal.AsBytes(ValuesOf(entry.Name))));
    }

    /// <summary>Puts a saved state back.</summary>
    /// <returns>The losses of the steps already done; empty when there is no usable checkpoint.</returns>
    public List<double> Restore(int steps)
    {
        if (!File.Exists(_path))
        {
            return [];
        }

        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(_path, SafetensorsLimits.BaseModel);
            TensorEntry lossEntry = file.Header.ByName[LossName];
            double[] losses = new double[lossEntry.ByteLength / sizeof(double)];
            if (losses.Length > steps)
            {
                return [];
            }

            file.ReadRaw(lossEntry, 0, MemoryMarshal.AsBytes(losses.AsSpan()));
            foreach (TensorEntry entry in file.Header.Tensors.Where(entry => entry.Type == TensorType.F32))
            {
                file.ReadF32(entry, 0, ValuesOf(entry.Name));
            }

            optimizer.ResumeAt(losses.Length);
            return [.. losses];
        }
        catch (Exception error) when (error is FedCloudException or KeyNotFoundException or InvalidOperationException)
        {
            // A checkpoint of another job or version may be half restored: the next start begins afresh, which costs time and nothing else.
            File.Delete(_path);
            throw new FedCloudException(ErrorCodes.JobMalformed, "the job's checkpoint does not belong to it and was removed", "start the job again", error);
        }
    }

    private Span<float> ValuesOf(string name)
    {
        int index = Array.FindIndex(_trained, parameter => string.Equals(parameter.Name, name[2..], StringComparison.Ordinal));
        return index < 0 ? throw new InvalidOperationException("an unknown tensor") : name[0] switch
        {
            'w' => _trained[index].Value.Span,
            'm' => optimizer.FirstMoments[index],
            _ => optimizer.SecondMoments[index],
        };
    }
}
