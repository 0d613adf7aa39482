// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>Queries, keys and values of a batch: three matrices, or one in which they stand side by side, as the modules that make them do.</summary>
internal sealed unsafe class HeadBuffers : IDisposable
{
    private readonly Matrix[] _parts;
    private readonly int _q;
    private readonly int _kv;

    public HeadBuffers(ModelConfig config, int rows)
    {
        _q = config.Heads * config.HeadWidth;
        _kv = config.KeyValueHeads * config.HeadWidth;
        _parts = config.Names.AttentionInputs.Count == 1 ? [new Matrix(rows, _q + (2 * _kv))] : [new Matrix(rows, _q), new Matrix(rows, _kv), new Matrix(rows, _kv)];
    }

    /// <summary>The first token's queries.</summary>
    public float* Q => _parts[0].P;

    /// <summary>The first token's keys.</summary>
    public float* K => _parts.Length == 1 ? Q + _q : _parts[1].P;

    /// <summary>The first token's values.</summary>
    public float* V => _parts.Length == 1 ? K + _kv : _parts[2].P;

    /// <summary>From a token's queries to the next token's.</summary>
    public int QueryStride => _parts[0].Columns;

    /// <summary>From a token's keys, or values, to the next token's.</summary>
    public int KeyStride => _parts[^1].Columns;

    /// <summary>What one module makes.</summary>
    public float* Part(int module) => _parts[module].P;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Matrix part in _parts)
        {
            part.Dispose();
        }
    }
}
