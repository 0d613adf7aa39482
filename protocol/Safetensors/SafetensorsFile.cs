// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using Microsoft.Win32.SafeHandles;

namespace FedCloud.Protocol.Safetensors;

/// <summary>A safetensors file that is open for reading; tensors are read piece by piece, so memory does not follow the file's size.</summary>
public sealed class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly string _what;

    private SafetensorsFile(SafeFileHandle handle, SafetensorsHeader header, string what)
    {
        _handle = handle;
        _what = what;
        Header = header;
    }

    /// <summary>The checked header.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="FedCloudException"><c>file_missing</c>, <c>safetensors_malformed</c> or <c>file_not_tensors</c>.</exception>
    public static SafetensorsFile Open(string path, SafetensorsLimits limits)
    {
        string what = Path.GetFileName(path);
        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"expected a readable file {what}, found none", cause: error);
        }

        try
        {
            long length = RandomAccess.GetLength(handle);
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            return new SafetensorsFile(handle, SafetensorsHeader.Read(stream, length, limits, what), what);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Reads elements of a floating-point tensor as binary32.</summary>
    /// <param name="tensor">The tensor: F32, F16 or BF16.</param>
    /// <param name="start">The first element.</param>
    /// <param name="destination">Receives as many elements as it is long.</param>
    /// <exception cref="FedCloudException"><c>tensor_type_mismatch</c> or <c>safetensors_malformed</c>.</exception>
    public void ReadF32(TensorEntry tensor, long start, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, tensor.Count - destination.Length);
        switch (tensor.Type)
        {
            case TensorType.F32:
                ReadRaw(tensor, start * 4, MemoryMarshal.AsBytes(destination));
                break;
            case TensorType.F16:
                ReadHalves(tensor, start, destination, static bits => (float)BitConverter.UInt16BitsToHalf(bits));
                break;
            case TensorType.BF16:
                ReadHalves(tensor, start, destination, static bits => BitConverter.UInt32BitsToSingle((uint)bits << 16));
                break;
            default:
                throw new FedCloudException(ErrorCodes.TensorTypeMismatch, $"{_what}: expected {tensor.Name} as F32, F16 or BF16, found {tensor.Type}");
        }
    }

    /// <summary>Reads bytes of a tensor.</summary>
    public void ReadRaw(TensorEntry tensor, long start, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        long position = Header.DataStart + tensor.Offset + start;
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(_handle, destination, position);
            if (read == 0)
            {
                throw new FedCloudException(ErrorCodes.SafetensorsMalformed, $"{_what}: the file became shorter while it was read");
            }

            position += read;
            destination = destination[read..];
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private void ReadHalves(TensorEntry tensor, long start, Span<float> destination, Func<ushort, float> widen)
    {
        Span<ushort> bits = stackalloc ushort[Math.Min(destination.Length, 1 << 13)];
        while (!destination.IsEmpty)
        {
            Span<ushort> piece = bits[..Math.Min(bits.Length, destination.Length)];
            ReadRaw(tensor, start * 2, MemoryMarshal.AsBytes(piece));
            for (int i = 0; i < piece.Length; i++)
            {
                destination[i] = widen(piece[i]);
            }

            start += piece.Length;
            destination = destination[piece.Length..];
        }
    }
}
