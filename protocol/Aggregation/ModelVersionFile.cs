// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Protocol.Aggregation;

/// <summary>The bytes of a model version: the adapter's tensors, then the server optimizer's state. <c>model_sha256</c> is their hash.</summary>
/// <remarks>Written by <see cref="SafetensorsWriter"/>, so the bytes follow from the values. State tensors are named <c>server.m.</c> and <c>server.v.</c> plus the tensor's name.</remarks>
public static class ModelVersionFile
{
    private const int PieceElements = 1 << 18;
    private const string VersionMember = "version";
    private const string FirstPrefix = "server.m.";
    private const string SecondPrefix = "server.v.";

    /// <summary>Writes version 0: A from the seed, B zero, optimizer state at its start.</summary>
    public static void WriteInitial(string path, RunConfig config, AdapterLayout layout)
    {
        ArgumentNullException.ThrowIfNull(config);
        ServerOptimizer optimizer = new(config.Aggregation.ServerOptimizer);
        Dictionary<string, AdapterTensor> byName = layout.Tensors.ToDictionary(tensor => tensor.Tensor.Name, StringComparer.Ordinal);
        SafetensorsWriter.WriteFile(path, Entries(layout, optimizer), Metadata(0), (entry, stream) =>
        {
            if (byName.TryGetValue(entry.Name, out AdapterTensor? tensor))
            {
                stream.Write(AdapterSeed.Bytes(config.Lora.InitSeed, tensor));
            }
            else
            {
                float start = entry.Name.StartsWith(SecondPrefix, StringComparison.Ordinal) ? optimizer.InitialSecondMoment : 0;
                Fill(stream, entry.Count, start);
            }
        });
    }

    /// <summary>Writes the version that follows from another by one server step. Memory is constant in the model's size.</summary>
    /// <param name="path">The new file.</param>
    /// <param name="config">The plan.</param>
    /// <param name="layout">The adapter's layout.</param>
    /// <param name="previous">The version before.</param>
    /// <param name="version">The new version's number.</param>
    /// <param name="exchanged">The factors that the round exchanged.</param>
    /// <param name="mean">The mean update: float32, little-endian, the exchanged tensors in layout order; seekable.</param>
    public static void WriteNext(
        string path,
        RunConfig config,
        AdapterLayout layout,
        SafetensorsFile previous,
        int version,
        ExchangedFactor exchanged,
        Stream mean)
    {
        ArgumentNullException.ThrowIfNull(config);
        ServerOptimizer optimizer = new(config.Aggregation.ServerOptimizer);
        ImmutableHashSet<string> stepped = [.. layout.Exchanged(exchanged).Select(tensor => tensor.Tensor.Name)];
        Dictionary<string, long> meanOffsets = MeanOffsets(layout, exchanged);
        SafetensorsWriter.WriteFile(path, Entries(layout, optimizer), Metadata(version), (entry, stream) =>
        {
            string tensor = TensorOf(entry.Name);
            Copier copier = new(previous, optimizer, tensor);
            copier.Write(entry, stream, stepped.Contains(tensor) ? mean : null, meanOffsets.GetValueOrDefault(tensor));
        });
    }

    /// <summary>The tensors of a version file, in order.</summary>
    public static ImmutableArray<TensorEntry> Entries(AdapterLayout layout, ServerOptimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(optimizer);
        ImmutableArray<TensorEntry> adapter = [.. layout.Tensors.Select(tensor => tensor.Tensor)];
        return
        [
            .. adapter,
            .. optimizer.HasFirstMoment ? adapter.Select(tensor => tensor with { Name = FirstPrefix + tensor.Name }) : [],
            .. optimizer.HasSecondMoment ? adapter.Select(tensor => tensor with { Name = SecondPrefix + tensor.Name }) : [],
        ];
    }

    /// <summary>Layout and number of a version, read back from its own header.</summary>
    /// <param name="config">The plan.</param>
    /// <param name="header">The version's header.</param>
    /// <exception cref="FedCloudException"><c>safetensors_malformed</c>: it is not the header of a version under this plan.</exception>
    public static (AdapterLayout Layout, int Version) Describe(RunConfig config, SafetensorsHeader header)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(header);
        AdapterLayout layout = AdapterLayout.Of(header, config.Lora.Form());
        IEnumerable<string> expected = Entries(layout, new ServerOptimizer(config.Aggregation.ServerOptimizer)).Select(Show);
        return header.Tensors.Select(Show).SequenceEqual(expected, StringComparer.Ordinal)
            && int.TryParse(header.Metadata.GetValueOrDefault(VersionMember), NumberStyles.None, CultureInfo.InvariantCulture, out int version)
                ? (layout, version)
                : throw new FedCloudException(ErrorCodes.SafetensorsMalformed, "expected number, adapter and optimizer state of a model version under this plan, found others");
    }

    private static string Show(TensorEntry tensor) => $"{tensor.Name} {tensor.Type} {string.Join(',', tensor.Shape)}";

    private static Dictionary<string, string> Metadata(int version) => new(StringComparer.Ordinal)
    {
        ["fedcloud.format"] = "1",
        [VersionMember] = version.ToString(CultureInfo.InvariantCulture),
    };

    private static Dictionary<string, long> MeanOffsets(AdapterLayout layout, ExchangedFactor exchanged)
    {
        Dictionary<string, long> offsets = new(StringComparer.Ordinal);
        long offset = 0;
        foreach (AdapterTensor tensor in layout.Exchanged(exchanged))
        {
            offsets[tensor.Tensor.Name] = offset;
            offset += tensor.Tensor.ByteLength;
        }

        return offsets;
    }

    private static string TensorOf(string entry) =>
        entry.StartsWith(FirstPrefix, StringComparison.Ordinal) || entry.StartsWith(SecondPrefix, StringComparison.Ordinal)
            ? entry[FirstPrefix.Length..]
            : entry;

    private static void Fill(Stream stream, long count, float value)
    {
        float[] piece = new float[Math.Min(count, PieceElements)];
        piece.AsSpan().Fill(value);
        for (long done = 0; done < count; done += piece.Length)
        {
            stream.Write(MemoryMarshal.AsBytes(piece.AsSpan(0, (int)Math.Min(piece.Length, count - done))));
        }
    }

    // Each of weights, m and v is written in its own pass over the tensor, and each pass computes the same step again:
    // the file's order needs the weights of all tensors before the first moment, and memory must stay constant.
    private sealed class Copier(SafetensorsFile previous, ServerOptimizer optimizer, string tensor)
    {
        private readonly float[] _weights = new float[PieceElements];
        private readonly float[] _delta = new float[PieceElements];
        private readonly float[] _first = new float[optimizer.HasFirstMoment ? PieceElements : 0];
        private readonly float[] _second = new float[optimizer.HasSecondMoment ? PieceElements : 0];

        public void Write(TensorEntry entry, Stream output, Stream? mean, long meanOffset)
        {
            for (long start = 0; start < entry.Count; start += PieceElements)
            {
                int count = (int)Math.Min(PieceElements, entry.Count - start);
                if (mean is null)
                {
                    Span<float> unchanged = _weights.AsSpan(0, count);
                    previous.ReadF32(previous.Header.Require(entry.Name, entry.Shape.AsSpan()), start, unchanged);
                    output.Write(MemoryMarshal.AsBytes(unchanged));
                    continue;
                }

                Step(entry, start, count, mean, meanOffset);
                float[] wanted = entry.Name.StartsWith(FirstPrefix, StringComparison.Ordinal) ? _first
                    : entry.Name.StartsWith(SecondPrefix, StringComparison.Ordinal) ? _second
                    : _weights;
                output.Write(MemoryMarshal.AsBytes(wanted.AsSpan(0, count)));
            }
        }

        private void Step(TensorEntry entry, long start, int count, Stream mean, long meanOffset)
        {
            Read(tensor, entry, start, _weights.AsSpan(0, count));
            Span<float> first = optimizer.HasFirstMoment ? _first.AsSpan(0, count) : [];
            Span<float> second = optimizer.HasSecondMoment ? _second.AsSpan(0, count) : [];
            if (optimizer.HasFirstMoment)
            {
                Read(FirstPrefix + tensor, entry, start, first);
            }

            if (optimizer.HasSecondMoment)
            {
                Read(SecondPrefix + tensor, entry, start, second);
            }

            mean.Position = meanOffset + (4 * start);
            mean.ReadExactly(MemoryMarshal.AsBytes(_delta.AsSpan(0, count)));
            optimizer.Step(_weights.AsSpan(0, count), _delta.AsSpan(0, count), first, second);
        }

        private void Read(string name, TensorEntry like, long start, Span<float> destination) =>
            previous.ReadF32(previous.Header.Require(name, like.Shape.AsSpan()), start, destination);
    }
}
