// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Devices;

/// <summary>Copies between memory of the host and tensors on a device, through small tensors of the host.</summary>
internal static class TensorCopies
{
    private const int Most = 1 << 24; // elements at a time: 64 MiB

    /// <summary>A tensor on a device with these values.</summary>
    /// <param name="values">Row by row.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="device">Where it lies.</param>
    /// <param name="type">Its type, to which values are rounded.</param>
    public static Tensor Of(ReadOnlySpan<float> values, ReadOnlySpan<long> shape, Device device, ScalarType type)
    {
        Tensor tensor = empty(shape, dtype: type, device: device);
        Write(values, tensor);
        return tensor;
    }

    /// <summary>Gives a tensor new values.</summary>
    /// <param name="values">Row by row.</param>
    /// <param name="tensor">Contiguous.</param>
    public static void Write(ReadOnlySpan<float> values, Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable still = no_grad();
        Tensor flat = tensor.view(-1);
        for (int start = 0; start < values.Length; start += Most)
        {
            int count = Math.Min(Most, values.Length - start);
            using Tensor part = empty(count, dtype: ScalarType.Float32);
            values.Slice(start, count).CopyTo(MemoryMarshal.Cast<byte, float>(part.bytes));
            using Tensor place = flat.narrow(0, start, count);
            place.copy_(part);
        }
    }

    /// <summary>Reads a tensor of float32 to the host.</summary>
    /// <param name="tensor">The tensor; at most 2^29 elements.</param>
    /// <param name="take">Takes the values, row by row; they do not stay.</param>
    public static void Read(Tensor tensor, ReadOnlySpanAction take)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor host = tensor.detach().cpu().contiguous();
        take(MemoryMarshal.Cast<byte, float>(host.bytes));
    }
}

/// <summary>Takes values that do not stay.</summary>
internal delegate void ReadOnlySpanAction(ReadOnlySpan<float> values);
