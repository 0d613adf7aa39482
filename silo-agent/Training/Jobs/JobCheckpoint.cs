// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Optimization;

namespace FedCloud.Training.Jobs;

/// <summary>How far a job has come.</summary>
/// <param name="Losses">The mean loss of each step already done; NaN where no example entered it.</param>
/// <param name="Tokens">Tokens trained on so far.</param>
internal sealed record JobPosition(List<double> Losses, long Tokens);

/// <summary>The state inside a job: trained weights, AdamW's moments and the losses so far, in one file that appears whole or not at all.</summary>
/// <param name="folder">The job's folder.</param>
/// <param name="identity">What the state follows from: a checkpoint of another job, adapter or data file is not used.</param>
/// <param name="trained">The weights that train.</param>
/// <param name="optimizer">Their optimizer.</param>
internal sealed class JobCheckpoint(string folder, string identity, IEnumerable<Parameter> trained, AdamW optimizer)
{
    private const string LossName = "losses";
    private const string IdentityName = "job_sha256";
    private const string TokensName = "tokens";

    private static readonly string[] Prefixes = ["w.", "m.", "v."];

    private readonly string _path = Path.Combine(folder, "checkpoint.safetensors");
    private readonly Parameter[] _trained = [.. trained];

    /// <summary>Saves the state after the last step.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void Save(JobPosition position)
    {
        List<double> losses = position.Losses;
        ImmutableArray<TensorEntry> entries = [.. StateEntries(), TensorEntry.Of(LossName, TensorType.U8, losses.Count * sizeof(double))];
        Dictionary<string, string> metadata = new(StringComparer.Ordinal)
        {
            [IdentityName] = identity,
            [TokensName] = position.Tokens.ToString(CultureInfo.InvariantCulture),
        };
        SafetensorsWriter.WriteFile(_path, entries, metadata, (entry, stream) =>
            stream.Write(string.Equals(entry.Name, LossName, StringComparison.Ordinal)
                ? MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(losses))
                : MemoryMarshal.AsBytes(ValuesOf(entry.Name))));
    }

    /// <summary>Puts a saved state back.</summary>
    /// <param name="steps">The job's steps.</param>
    /// <returns>Where the job goes on; the beginning when there is no checkpoint of this very job.</returns>
    public JobPosition Restore(int steps)
    {
        if (File.Exists(_path))
        {
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(_path, SafetensorsLimits.BaseModel);
                if (IsMine(file.Header, steps))
                {
                    return Read(file);
                }
            }
            catch (FedCloudException error) when (error.Code == ErrorCodes.SafetensorsMalformed || error.Code == ErrorCodes.FileNotTensors || error.Code == ErrorCodes.TensorTypeMismatch)
            {
                // Its header is broken, so nothing of it was put back: the job begins afresh, which costs time and nothing else.
            }

            File.Delete(_path);
        }

        return new JobPosition([], 0);
    }

    private IEnumerable<TensorEntry> StateEntries() =>
        _trained.SelectMany(parameter => Prefixes.Select(prefix => TensorEntry.Of(prefix + parameter.Name, TensorType.F32, parameter.Value.Rows, parameter.Value.Columns)));

    private bool IsMine(SafetensorsHeader header, int steps) =>
        string.Equals(header.Metadata.GetValueOrDefault(IdentityName), identity, StringComparison.Ordinal)
        && header.Metadata.ContainsKey(TokensName)
        && header.ByName.TryGetValue(LossName, out TensorEntry? losses)
        && losses.ByteLength % sizeof(double) == 0
        && losses.ByteLength / sizeof(double) <= steps
        && StateEntries().All(entry => header.ByName.TryGetValue(entry.Name, out TensorEntry? saved) && saved.Type == entry.Type && saved.Shape.SequenceEqual(entry.Shape));

    private JobPosition Read(SafetensorsFile file)
    {
        foreach (TensorEntry entry in StateEntries())
        {
            file.ReadF32(file.Header.ByName[entry.Name], 0, ValuesOf(entry.Name));
        }

        TensorEntry saved = file.Header.ByName[LossName];
        double[] losses = new double[saved.ByteLength / sizeof(double)];
        file.ReadRaw(saved, 0, MemoryMarshal.AsBytes(losses.AsSpan()));
        optimizer.ResumeAt(losses.Length);
        return new JobPosition([.. losses], long.Parse(file.Header.Metadata[TokensName], CultureInfo.InvariantCulture));
    }

    private Span<float> ValuesOf(string name)
    {
        int index = Array.FindIndex(_trained, parameter => name.AsSpan(2).SequenceEqual(parameter.Name));
        return name[0] switch
        {
            'w' => _trained[index].Value.Span,
            'm' => optimizer.FirstMoments[index],
            _ => optimizer.SecondMoments[index],
        };
    }
}
