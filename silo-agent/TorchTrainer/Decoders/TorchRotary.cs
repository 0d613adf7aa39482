// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.TorchTrainer.Devices;
using FedCloud.Training.Decoders;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>The cosines and sines of rotary positions on a device, made once, in float32.</summary>
internal sealed class TorchRotary : IDisposable
{
    private readonly Tensor _cos; // (T, D/2)
    private readonly Tensor _sin;

    /// <summary>Computes them.</summary>
    /// <param name="positions">The positions.</param>
    /// <param name="headWidth">The width of a head, even.</param>
    /// <param name="length">The longest sequence.</param>
    /// <param name="device">Where they lie.</param>
    public TorchRotary(RotaryPositions positions, int headWidth, int length, Device device)
    {
        double[] angles = positions.Angles(headWidth);
        float[] Table(Func<double, double> of) => [.. Enumerable.Range(0, length).SelectMany(p => angles.Select(angle => (float)of(p * angle)))];
        _cos = TensorCopies.Of(Table(Math.Cos), [length, angles.Length], device, ScalarType.Float32).DetachFromDisposeScope();
        _sin = TensorCopies.Of(Table(Math.Sin), [length, angles.Length], device, ScalarType.Float32).DetachFromDisposeScope();
    }

    /// <summary>Turns heads by their positions: a head's first half are the first coordinates of its pairs, as in Hugging Face.</summary>
    /// <param name="heads">(b, heads, t, D), float32.</param>
    public Tensor Turn(Tensor heads)
    {
        long t = heads.shape[2];
        long half = heads.shape[3] / 2;
        Tensor cos = _cos.narrow(0, 0, t);
        Tensor sin = _sin.narrow(0, 0, t);
        Tensor first = heads.narrow(3, 0, half);
        Tensor second = heads.narrow(3, half, half);
        return cat([(first * cos) - (second * sin), (second * cos) + (first * sin)], 3);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _cos.Dispose();
        _sin.Dispose();
    }
}
