// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Safetensors;

/// <summary>Limits against files that lie (threats, T18).</summary>
/// <param name="MaxHeaderBytes">The largest JSON header.</param>
/// <param name="MaxTensors">The most tensors.</param>
public sealed record SafetensorsLimits(int MaxHeaderBytes, int MaxTensors)
{
    /// <summary>What comes from another party: 1 MiB, 10,000 tensors.</summary>
    public static SafetensorsLimits Foreign { get; } = new(1 << 20, 10_000);

    /// <summary>Base models, which the plan names by digest: 16 MiB, 100,000 tensors.</summary>
    public static SafetensorsLimits BaseModel { get; } = new(16 << 20, 100_000);
}

/// <summary>The header of a safetensors file, checked in full: contiguous offsets that cover the file, checked products, no duplicates.</summary>
/// <remarks>Format: u64 little-endian header length, JSON, data (huggingface/safetensors, README "Format").</remarks>
public sealed class SafetensorsHeader
{
    private const int MaxNameLength = 512;
    private const int MaxDimensions = 8;

    private SafetensorsHeader(ImmutableArray<TensorEntry> tensors, ImmutableDictionary<string, string> metadata, long dataStart)
    {
        Tensors = tensors;
        Metadata = metadata;
        DataStart = dataStart;
        ByName = tensors.ToImmutableDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    /// <summary>The tensors, in the order of their bytes.</summary>
    public ImmutableArray<TensorEntry> Tensors { get; }

    /// <summary>The tensors by name.</summary>
    public ImmutableDictionary<string, TensorEntry> ByName { get; }

    /// <summary>The free text that the writer left.</summary>
    public ImmutableDictionary<string, string> Metadata { get; }

    /// <summary>The first byte of the data section in the file.</summary>
    public long DataStart { get; }

    /// <summary>The tensor, which must have this shape.</summary>
    /// <exception cref="FedCloudException"><c>tensor_missing</c> or <c>tensor_shape_mismatch</c>.</exception>
    public TensorEntry Require(string name, params ReadOnlySpan<long> shape)
    {
        if (!ByName.TryGetValue(name, out TensorEntry? tensor))
        {
            throw new FedCloudException(ErrorCodes.TensorMissing, $"expected a tensor {name}, found none");
        }

        return tensor.Shape.AsSpan().SequenceEqual(shape)
            ? tensor
            : throw new FedCloudException(ErrorCodes.TensorShapeMismatch, $"{name}: expected {Show(shape)}, found {Show(tensor.Shape.AsSpan())}");
    }

    /// <summary>Reads and checks a header.</summary>
    /// <param name="stream">At the start of the file; left at the start of the data.</param>
    /// <param name="fileLength">The file's length in bytes.</param>
    /// <param name="limits">The limits.</param>
    /// <param name="what">What is read, for errors.</param>
    /// <exception cref="FedCloudException"><c>safetensors_malformed</c> or <c>file_not_tensors</c>.</exception>
    public static SafetensorsHeader Read(Stream stream, long fileLength, SafetensorsLimits limits, string what)
    {
        byte[] prefix = new byte[8];
        int read = stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        RefuseCode(prefix.AsSpan(0, read), what);
        if (read < prefix.Length)
        {
            throw Malformed(what, $"expected at least 8 bytes, found {read}");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length is < 2 || length > (ulong)limits.MaxHeaderBytes || (long)length > fileLength - 8)
        {
            throw Malformed(what, $"expected a header of 2 to {Math.Min(limits.MaxHeaderBytes, Math.Max(0, fileLength - 8))} bytes, found a length of {length}");
        }

        byte[] json = new byte[length];
        if (stream.ReadAtLeast(json, json.Length, throwOnEndOfStream: false) < json.Length)
        {
            throw Malformed(what, "the file ends inside its header");
        }

        return Parse(json, 8 + (long)length, fileLength, limits, what);
    }

    private static void RefuseCode(ReadOnlySpan<byte> start, string what)
    {
        bool pickle = start.Length >= 2 && start[0] == 0x80 && start[1] is >= 2 and <= 5;
        bool archive = start.StartsWith("PK"u8) || start.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]);
        if (pickle || archive)
        {
            throw new FedCloudException(ErrorCodes.FileNotTensors, $"{what}: expected safetensors, found {(pickle ? "a pickle" : "an archive")}");
        }
    }

    private static SafetensorsHeader Parse(byte[] json, long dataStart, long fileLength, SafetensorsLimits limits, string what)
    {
        try
        {
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(json);
            JsonDocumentOptions strict = new() { MaxDepth = 4, AllowDuplicateProperties = false };
            using JsonDocument document = JsonDocument.Parse(json, strict);
            List<TensorEntry> tensors = [];
            ImmutableDictionary<string, string>.Builder metadata = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty member in document.RootElement.EnumerateObject())
            {
                if (string.Equals(member.Name, "__metadata__", StringComparison.Ordinal))
                {
                    metadata.AddRange(member.Value.EnumerateObject().Select(text => KeyValuePair.Create(text.Name, text.Value.GetString() ?? throw new JsonException("null"))));
                }
                else if (tensors.Count == limits.MaxTensors)
                {
                    throw Malformed(what, $"expected at most {limits.MaxTensors} tensors, found more");
                }
                else
                {
                    tensors.Add(ReadEntry(member, what));
                }
            }

            tensors.Sort((a, b) => a.Offset != b.Offset ? a.Offset.CompareTo(b.Offset) : a.ByteLength.CompareTo(b.ByteLength));
            RequireCover(tensors, fileLength - dataStart, what);
            return new SafetensorsHeader([.. tensors], metadata.ToImmutable(), dataStart);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or OverflowException or ArgumentException)
        {
            throw new FedCloudException(ErrorCodes.SafetensorsMalformed, $"{what}: the header is not the strict JSON of the format", cause: error);
        }
    }

    private static TensorEntry ReadEntry(JsonProperty member, string what)
    {
        string name = member.Name;
        if (name.Length is 0 or > MaxNameLength || name.Any(c => c is < ' ' or > '~'))
        {
            throw Malformed(what, "a tensor's name is empty, too long or not printable ASCII");
        }

        TensorType? type = null;
        ImmutableArray<long>? shape = null;
        ImmutableArray<long>? offsets = null;
        foreach (JsonProperty field in member.Value.EnumerateObject())
        {
            switch (field.Name)
            {
                case "dtype":
                    string text = field.Value.GetString() ?? string.Empty;
                    type = Enum.TryParse(text, out TensorType known) && string.Equals(known.ToString(), text, StringComparison.Ordinal)
                        ? known
                        : throw new FedCloudException(ErrorCodes.TensorTypeMismatch, $"{what}: expected {name} in a type that is read (F32, F16 or BF16), found another");
                    break;
                case "shape":
                    shape = [.. field.Value.EnumerateArray().Select(side => side.GetInt64())];
                    break;
                case "data_offsets":
                    offsets = [.. field.Value.EnumerateArray().Select(offset => offset.GetInt64())];
                    break;
                default:
                    throw Malformed(what, $"{name} has an unknown member");
            }
        }

        if (type is not { } elementType || shape is not { Length: <= MaxDimensions } sides || offsets is not { Length: 2 } span || sides.Any(side => side < 0))
        {
            throw Malformed(what, $"{name} lacks dtype, shape or data_offsets, or has more than {MaxDimensions} or negative sides");
        }

        long count = sides.Aggregate(1L, (product, side) => checked(product * side));
        long bytes = checked(count * TensorEntry.SizeOf(elementType));
        return span[0] >= 0 && span[1] - span[0] == bytes
            ? new TensorEntry(name, elementType, sides, span[0], bytes)
            : throw Malformed(what, $"{name}: expected {bytes} bytes for its shape, found offsets {span[0]} to {span[1]}");
    }

    private static void RequireCover(List<TensorEntry> tensors, long dataLength, string what)
    {
        long end = 0;
        foreach (TensorEntry tensor in tensors)
        {
            if (tensor.Offset != end)
            {
                throw Malformed(what, $"{tensor.Name}: expected to begin at byte {end}, found {tensor.Offset}: tensors overlap or leave a hole");
            }

            end = checked(end + tensor.ByteLength);
        }

        if (end != dataLength)
        {
            throw Malformed(what, $"expected {end} bytes of data, found {dataLength}");
        }
    }

    private static FedCloudException Malformed(string what, string found) => new(ErrorCodes.SafetensorsMalformed, $"{what}: {found}");

    private static string Show(ReadOnlySpan<long> shape) => "(" + string.Join(", ", shape.ToArray()) + ")";
}
