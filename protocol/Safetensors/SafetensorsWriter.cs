// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Safetensors;

/// <summary>Writes safetensors deterministically: metadata first, tensors in the order given, header padded with spaces to 8 bytes.</summary>
public static class SafetensorsWriter
{
    /// <summary>The bytes before the data: length and JSON header.</summary>
    public static byte[] HeaderBytes(IReadOnlyList<TensorEntry> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArrayBufferWriter<byte> json = new();
        using (Utf8JsonWriter writer = new(json, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                writer.WriteStartObject("__metadata__");
                foreach ((string name, string text) in metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal))
                {
                    writer.WriteString(name, text);
                }

                writer.WriteEndObject();
            }

            long offset = 0;
            foreach (TensorEntry tensor in tensors)
            {
                WriteEntry(writer, tensor, offset);
                offset = checked(offset + tensor.ByteLength);
            }

            writer.WriteEndObject();
        }

        int padded = (json.WrittenCount + 7) / 8 * 8;
        byte[] header = new byte[8 + padded];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)padded);
        json.WrittenSpan.CopyTo(header.AsSpan(8));
        header.AsSpan(8 + json.WrittenCount).Fill((byte)' ');
        return header;
    }

    /// <summary>Writes a file whole or not at all: beside it, flushed to disk, then renamed.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">The tensors in order; offsets are ignored.</param>
    /// <param name="metadata">Free text; may be null.</param>
    /// <param name="write">Writes one tensor's bytes, exactly as many as its shape needs.</param>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public static void WriteFile(string path, IReadOnlyList<TensorEntry> tensors, IReadOnlyDictionary<string, string>? metadata, Action<TensorEntry, Stream> write) =>
        WholeFile.Write(path, stream =>
        {
            stream.Write(HeaderBytes(tensors, metadata));
            foreach (TensorEntry tensor in tensors)
            {
                long before = stream.Position;
                write(tensor, stream);
                if (stream.Position - before != tensor.ByteLength)
                {
                    throw new InvalidOperationException($"{tensor.Name}: {stream.Position - before} bytes written in place of {tensor.ByteLength}");
                }
            }
        });

    private static void WriteEntry(Utf8JsonWriter writer, TensorEntry tensor, long offset)
    {
        writer.WriteStartObject(tensor.Name);
        writer.WriteString("dtype", tensor.Type.ToString());
        writer.WriteStartArray("shape");
        foreach (long side in tensor.Shape)
        {
            writer.WriteNumberValue(side);
        }

        writer.WriteEndArray();
        writer.WriteStartArray("data_offsets");
        writer.WriteNumberValue(offset);
        writer.WriteNumberValue(offset + tensor.ByteLength);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
