// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>A norm over the last dimension, computed in float32 whatever the activations are. Its weights stay frozen.</summary>
internal sealed class TorchNorm : IDisposable
{
    private readonly NormKind _kind;
    private readonly Tensor _scale; // (c), with one added where the kind says so
    private readonly Tensor? _bias; // (c)
    private readonly double _epsilon;

    /// <summary>Makes a norm.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="weight">(c), float32; becomes the norm's.</param>
    /// <param name="bias">(c), float32, of LayerNorm; becomes the norm's.</param>
    /// <param name="epsilon">ε.</param>
    public TorchNorm(NormKind kind, Tensor weight, Tensor? bias, float epsilon)
    {
        _kind = kind;
        _scale = kind == NormKind.RmsOnePlus ? weight.add_(1) : weight;
        _bias = bias;
        _epsilon = epsilon;
    }

    /// <summary>(…, c) -> (…, c), of the same type.</summary>
    public Tensor Forward(Tensor x)
    {
        Tensor wide = x.to(ScalarType.Float32);
        if (_kind == NormKind.Layer)
        {
            return nn.functional.layer_norm(wide, [_scale.shape[0]], _scale, _bias, _epsilon).to(x.dtype);
        }

        Tensor inverse = rsqrt(wide.square().mean([-1], keepdim: true) + _epsilon); // (…, 1)
        return (wide * inverse * _scale).to(x.dtype);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _scale.Dispose();
        _bias?.Dispose();
    }
}
