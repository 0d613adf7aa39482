// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>A decoder-only transformer (Touvron et al. 2023, and the families whose differences <see cref="ModelConfig"/> holds) with hand-written forward and backward passes, in float32.</summary>
/// <remarks>
/// Shapes: b sequences, end to end and without padding, are N rows; C hidden width, F feed-forward width, H query heads, G key and value
/// heads, D head width. Everything before the first trained weight is skipped in the backward pass. Not thread-safe.
/// </remarks>
public sealed unsafe partial class DecoderModel : IDecoder
{
    private readonly ModelConfig _c;
    private readonly int _threads;
    private readonly TokenEmbedding _embedding;
    private readonly Parameter? _head; // (V, C); null when tied
    private readonly Norm _finalNorm;
    private readonly DecoderLayer[] _layers;
    private readonly Linear[] _decomposed;
    private readonly Dictionary<RotaryPositions, RotaryTable> _rotary = [];
    private readonly LayerScratch _scratch;
    private readonly Matrix _x, _xn;
    private readonly HeadLoss _loss;
    private readonly Matrix _tokens, _targets, _starts, _positions; // int32: (N), (N), (B + 1), (N)
    private Parameter[] _trained = [];
    private bool _isMeasured;
    private int _b;
    private int _t;

    private DecoderModel(ModelParts parts)
    {
        _c = parts.Config;
        _threads = parts.Threads;
        (int n, int c) = (parts.Rows, _c.Hidden);
        if (_c.Names.Positions is not null && parts.Length > _c.Positions)
        {
            throw new FedCloudException(ErrorCodes.ConfigUnsupported, $"expected sequences of at most {_c.Positions} tokens, as many as the model learned positions, found {parts.Length}");
        }

        _embedding = new TokenEmbedding(parts);
        _head = _c.TiedHead ? null : parts.Embedding(_c.Names.Head, _c.Vocabulary);
        _finalNorm = parts.Norm(_c.Names.FinalNorm, c);
        _scratch = new LayerScratch(_c, n);
        _layers = [.. Enumerable.Range(0, _c.Layers).Select(l => new DecoderLayer(parts, l, Rotary(l, parts.Length), _scratch))];
        _decomposed = [.. Linears.Where(linear => linear.IsDecomposed)];
        _x = new(n, c);
        _xn = new(n, c);
        _loss = new(_c, n, _threads);
        _tokens = new(n, 1);
        _targets = new(n, 1);
        _starts = new(n + 1, 1);
        _positions = new(n, 1);
    }

    /// <summary>The shape.</summary>
    public ModelConfig Config => _c;

    /// <summary>The linear layers, layer by layer.</summary>
    public IEnumerable<Linear> Linears => _layers.SelectMany(layer => layer.Linears);

    /// <inheritdoc/>
    public IEnumerable<LoraFactors> Adapters => Linears.Select(linear => linear.Adapter).OfType<LoraFactors>();

    /// <summary>The weights that train, in a fixed order.</summary>
    public IEnumerable<Parameter> Trained => _trained;

    /// <summary>Makes factors of the adapter train, and with either of them the magnitudes of decomposed weights.</summary>
    public void TrainAdapter(ExchangedFactor exchanged)
    {
        foreach (LoraFactors adapter in Adapters)
        {
            adapter.Train(exchanged);
        }

        _trained = WithGradient();
    }

    /// <summary>Makes all weights of the base model train.</summary>
    public void TrainAll()
    {
        foreach (Parameter parameter in BaseParameters())
        {
            parameter.Train();
        }

        _trained = WithGradient();
    }

    /// <inheritdoc/>
    public IExampleGradients KeepExamples(int examples) => new ExampleGradients(this, examples);

    /// <summary>The base model's weights, in checkpoint order.</summary>
    public IEnumerable<Parameter> BaseParameters()
    {
        foreach (Parameter parameter in _embedding.Parameters.Concat(_layers.SelectMany(layer => layer.Parameters)).Concat(_finalNorm.Parameters))
        {
            yield return parameter;
        }

        if (_head is not null)
        {
            yield return _head;
        }
    }

    /// <summary>Says that weights or factors have other values than in the last forward pass, so that what follows from them is computed again. Loading and <see cref="ZeroGradients"/>, with which a step begins, say so themselves.</summary>
    public void AdapterChanged() => _isMeasured = false;

    /// <summary>The forward pass.</summary>
    /// <param name="tokens">b·t token ids, row by row.</param>
    /// <param name="b">Sequences.</param>
    /// <param name="t">Tokens of each, padded at the end; attention is causal, so padding never reaches what counts.</param>
    /// <param name="lengths">How many tokens of each sequence are not padding, which is not computed; what is computed of a sequence has the same bits in any batch. All of them when empty.</param>
    public void Forward(ReadOnlySpan<int> tokens, int b, int t, ReadOnlySpan<int> lengths = default)
    {
        Arrange(b, t, lengths);
        MeasureDecomposed();
        KeepTokens(tokens, (int*)_tokens.P);
        int n = Sequences.N;
        _embedding.Forward((int*)_tokens.P, Sequences, _layers[0].Input); // (N) -> (N, C)
        float* residual = null;
        for (int l = 0; l < _layers.Length; l++)
        {
            _layers[l].Forward(residual, l + 1 < _layers.Length ? _layers[l + 1].Input : _x.P, Sequences);
            residual = _layers[l].Residual;
        }

        _finalNorm.Forward(_x.P, _xn.P, n, _threads, residual);
    }

    /// <summary>The logits of one row of the last forward pass, until the next call or loss. Rows are counted with padding, which has none.</summary>
    public ReadOnlySpan<float> Logits(int row)
    {
        (int sequence, int position) = Math.DivRem(row, _t);
        return position < Sequences.Length(sequence)
            ? _loss.Logits(HeadWeight, _xn.P + ((long)(Sequences.Starts[sequence] + position) * _c.Hidden))
            : throw new ArgumentOutOfRangeException(nameof(row), row, "padding is not computed");
    }

    /// <summary>The summed cross-entropy, and, where anything trains, its gradient for <see cref="Backward"/>. Once a forward pass.</summary>
    /// <param name="targets">The wanted next token of each row; -1 where none counts.</param>
    /// <param name="scale">Scales the gradient; 1 / counted tokens gives the mean.</param>
    /// <returns>The sum of -log p over the rows that count.</returns>
    public double Loss(ReadOnlySpan<int> targets, float scale)
    {
        _loss.Scales(Sequences.N).Fill(scale);
        return Loss(targets);
    }

    /// <summary>The same with a scale for each sequence.</summary>
    /// <param name="targets">The wanted next token of each row; -1 where none counts.</param>
    /// <param name="scales">Scale the gradients of the sequences; 1 / its counted tokens gives the mean of each.</param>
    /// <returns>The sum of -log p over the rows that count.</returns>
    public double Loss(ReadOnlySpan<int> targets, ReadOnlySpan<float> scales)
    {
        Span<float> ofRows = _loss.Scales(Sequences.N);
        for (int i = 0; i < _b; i++)
        {
            ofRows.Slice(Sequences.Starts[i], Sequences.Length(i)).Fill(scales[i]);
        }

        return Loss(targets);
    }

    /// <summary>The sum of -log p over the rows of one sequence that counted in the last <see cref="Loss(ReadOnlySpan{int}, float)"/>.</summary>
    public double LossOf(int sequence) => _loss.Sum(Sequences.Starts[sequence], Sequences.Length(sequence));

    /// <summary>The backward pass after <see cref="Loss(ReadOnlySpan{int}, float)"/>: adds to the gradients of whatever trains.</summary>
    public void Backward()
    {
        int n = Sequences.N;
        float* dx = _scratch.Residual.P;
        _loss.Backward(HeadWeight);
        NativeMemory.Clear(dx, (nuint)n * (nuint)_c.Hidden * sizeof(float));
        _finalNorm.Backward(_x.P, _scratch.Normed.P, dx, n, _threads);
        for (int l = _layers.Length - 1; l >= 0; l--)
        {
            _layers[l].Backward(Sequences, first: l == 0 && !_embedding.Trains);
        }

        _embedding.Backward((int*)_tokens.P, Sequences, dx);
    }

    /// <summary>Sets all gradients to zero, as before a step's first forward pass.</summary>
    public void ZeroGradients()
    {
        AdapterChanged();
        foreach (Parameter parameter in _trained)
        {
            parameter.Gradient?.Span.Clear();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Parameter parameter in AllParameters())
        {
            parameter.Dispose();
        }

        foreach (IDisposable part in _layers.Concat<IDisposable>(_rotary.Values).Append(_scratch).Append(_finalNorm).Append(_loss))
        {
            part.Dispose();
        }

        foreach (Matrix matrix in (Matrix[])[_x, _xn, _tokens, _targets, _starts, _positions])
        {
            matrix.Dispose();
        }
    }

    private Parameter HeadWeight => _head ?? _embedding.Tokens;

    private Sequences Sequences => new(_b, (int*)_starts.P, (int*)_positions.P);

    // Once a step: weights and factors stay as they are from its first forward pass to its last.
    private void MeasureDecomposed()
    {
        foreach (Linear linear in _isMeasured ? [] : _decomposed)
        {
            linear.Measure(_threads);
        }

        _isMeasured = true;
    }

    private Parameter[] WithGradient() => [.. AllParameters().Where(parameter => parameter.Gradient is not null)];

    private IEnumerable<Parameter> AllParameters() =>
        BaseParameters().Concat(Adapters.SelectMany(adapter => adapter.Parameters));

    private double Loss(ReadOnlySpan<int> targets)
    {
        KeepTokens(targets, (int*)_targets.P);
        return _loss.Run(HeadWeight, _xn.P, new ReadOnlySpan<int>((int*)_targets.P, Sequences.N), _trained.Length > 0 ? _scratch.Normed.P : null);
    }

    private void Arrange(int b, int t, ReadOnlySpan<int> lengths)
    {
        (_b, _t) = (b, t);
        int* starts = (int*)_starts.P;
        int* positions = (int*)_positions.P;
        starts[0] = 0;
        for (int i = 0; i < b; i++)
        {
            int length = lengths.IsEmpty ? t : lengths[i];
            if (length < 0 || length > t || starts[i] + length > _x.Rows || i >= _x.Rows)
            {
                throw new ArgumentOutOfRangeException(nameof(lengths), length, $"expected sequences of at most {t} tokens, and {_x.Rows} in all");
            }

            for (int p = 0; p < length; p++)
            {
                positions[starts[i] + p] = p;
            }

            starts[i + 1] = starts[i] + length;
        }
    }

    // (B, T) with padding -> (N) without.
    private void KeepTokens(ReadOnlySpan<int> padded, int* kept)
    {
        for (int i = 0; i < _b; i++)
        {
            int length = Sequences.Length(i);
            padded.Slice(i * _t, length).CopyTo(new Span<int>(kept + Sequences.Starts[i], length));
        }
    }

    // Layers with the same positions share a table.
    private RotaryTable? Rotary(int layer, int length)
    {
        if (_c.RopeOf(layer) is not { } positions)
        {
            return null;
        }

        if (!_rotary.TryGetValue(positions, out RotaryTable? table))
        {
            table = new RotaryTable(positions, _c.HeadWidth, length);
            _rotary.Add(positions, table);
        }

        return table;
    }
}
