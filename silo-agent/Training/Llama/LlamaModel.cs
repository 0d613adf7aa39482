// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Plans;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Llama;

/// <summary>A Llama transformer (Touvron et al. 2023) with hand-written forward and backward passes, in float32.</summary>
/// <remarks>
/// Shapes: b sequences of t tokens are N = b·t rows; C hidden width, F feed-forward width, H query heads, G key and value
/// heads, D head width. Everything before the first trained weight is skipped in the backward pass. Not thread-safe.
/// </remarks>
public sealed unsafe partial class LlamaModel : IDisposable
{
    private readonly LlamaConfig _c;
    private readonly int _threads;
    private readonly Parameter _embedding; // (V, C)
    private readonly Parameter? _head; // (V, C); null when tied
    private readonly Parameter _finalNorm; // (1, C)
    private readonly Layer[] _layers;
    private readonly Matrix _cos; // (T, D/2)
    private readonly Matrix _sin;
    private readonly Matrix _x, _xn, _logits, _dx, _dxn, _dq, _dk, _dv, _dattended, _dm, _dg, _du, _dp;
    private readonly Matrix _inverseNorm, _losses, _targets, _scales, _lengths; // (N, 1); (N) binary64; (N) int32; (N); (B) int32
    private readonly int[] _tokens;
    private Parameter[] _trained = [];
    private int _b;
    private int _t;

    private LlamaModel(LlamaConfig config, Func<string, int, int, Matrix> load, AdapterLayout? adapter, float scaling, int maxRows, int maxLength, int threads)
    {
        _c = config;
        _threads = threads;
        int n = maxRows;
        int q = config.Heads * config.HeadWidth;
        int kv = config.KeyValueHeads * config.HeadWidth;
        int c = config.Hidden;
        _embedding = new Parameter("model.embed_tokens.weight", load("model.embed_tokens.weight", config.Vocabulary, c));
        _head = config.TiedHead ? null : new Parameter("lm_head.weight", load("lm_head.weight", config.Vocabulary, c));
        _finalNorm = new Parameter("model.norm.weight", load("model.norm.weight", 1, c));
        Dictionary<string, LinearShape> adapted = adapter?.Modules.ToDictionary(module => module.Module, StringComparer.Ordinal) ?? [];

        Linear Make(string module, int rows, int columns)
        {
            Parameter weight = new(module + ".weight", load(module + ".weight", rows, columns));
            LoraFactors? factors = null;
            if (adapter is not null && adapted.TryGetValue(module, out LinearShape? shape))
            {
                factors = new LoraFactors(
                    new Parameter(AdapterLayout.Name(shape, Factor.A), new Matrix(adapter.Rank, columns)),
                    new Parameter(AdapterLayout.Name(shape, Factor.B), new Matrix(rows, adapter.Rank)),
                    scaling);
            }

            return new Linear(module, weight, factors, n);
        }

        _layers =
        [
            .. Enumerable.Range(0, config.Layers).Select(l =>
            {
                string prefix = $"model.layers.{l}.";
                return new Layer
                {
                    AttentionNorm = new Parameter(prefix + "input_layernorm.weight", load(prefix + "input_layernorm.weight", 1, c)),
                    MlpNorm = new Parameter(prefix + "post_attention_layernorm.weight", load(prefix + "post_attention_layernorm.weight", 1, c)),
                    Q = Make(prefix + "self_attn.q_proj", q, c),
                    K = Make(prefix + "self_attn.k_proj", kv, c),
                    V = Make(prefix + "self_attn.v_proj", kv, c),
                    O = Make(prefix + "self_attn.o_proj", c, q),
                    Gate = Make(prefix + "mlp.gate_proj", config.Intermediate, c),
                    Up = Make(prefix + "mlp.up_proj", config.Intermediate, c),
                    Down = Make(prefix + "mlp.down_proj", c, config.Intermediate),
                    X0 = new(n, c), Xn1 = new(n, c), Qs = new(n, q), Ks = new(n, kv), Vs = new(n, kv),
                    P = new(n * config.Heads, maxLength), Attended = new(n, q),
                    X1 = new(n, c), Xn2 = new(n, c), G = new(n, config.Intermediate), U = new(n, config.Intermediate), M = new(n, config.Intermediate),
                    R1 = new(n, 1), R2 = new(n, 1),
                };
            }),
        ];
        _x = new(n, c);
        _xn = new(n, c);
        _logits = new(n, config.Vocabulary);
        _dx = new(n, c);
        _dxn = new(n, c);
        _dq = new(n, q);
        _dk = new(n, kv);
        _dv = new(n, kv);
        _dattended = new(n, q);
        _dm = new(n, config.Intermediate);
        _dg = new(n, config.Intermediate);
        _du = new(n, config.Intermediate);
        _dp = new(n * config.Heads, maxLength);
        _inverseNorm = new(n, 1);
        _losses = new(n, sizeof(double) / sizeof(float));
        _targets = new(n, 1);
        _scales = new(n, 1);
        _lengths = new(n, 1);
        _tokens = new int[n];
        int half = config.HeadWidth / 2;
        _cos = new(maxLength, half);
        _sin = new(maxLength, half);
        double[] angles = config.Rope.Angles(config.HeadWidth);
        for (int p = 0; p < maxLength; p++)
        {
            for (int i = 0; i < half; i++)
            {
                _cos.P[(p * half) + i] = (float)Math.Cos(p * angles[i]);
                _sin.P[(p * half) + i] = (float)Math.Sin(p * angles[i]);
            }
        }
    }

    /// <summary>The shape.</summary>
    public LlamaConfig Config => _c;

    /// <summary>The linear layers, layer by layer.</summary>
    public IEnumerable<Linear> Linears => _layers.SelectMany(layer => layer.Linears);

    /// <summary>The weights that train, in a fixed order.</summary>
    public IEnumerable<Parameter> Trained => _trained;

    /// <summary>Makes factors of the adapter train.</summary>
    public void TrainAdapter(ExchangedFactor exchanged)
    {
        foreach (LoraFactors adapter in Linears.Select(linear => linear.Adapter).OfType<LoraFactors>())
        {
            if (exchanged is ExchangedFactor.A or ExchangedFactor.Both)
            {
                adapter.A.Train();
            }

            if (exchanged is ExchangedFactor.B or ExchangedFactor.Both)
            {
                adapter.B.Train();
            }
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

    /// <summary>The base model's weights, in checkpoint order.</summary>
    public IEnumerable<Parameter> BaseParameters()
    {
        yield return _embedding;
        foreach (Layer layer in _layers)
        {
            yield return layer.AttentionNorm;
            yield return layer.MlpNorm;
            foreach (Linear linear in layer.Linears)
            {
                yield return linear.Weight;
            }
        }

        yield return _finalNorm;
        if (_head is not null)
        {
            yield return _head;
        }
    }

    /// <summary>The forward pass.</summary>
    /// <param name="tokens">b·t token ids, row by row.</param>
    /// <param name="b">Sequences.</param>
    /// <param name="t">Tokens of each, padded at the end; attention is causal, so padding never reaches what counts.</param>
    /// <param name="lengths">How many tokens of each sequence are not padding; what is computed of them then has the same bits in any batch. All of them when empty.</param>
    public void Forward(ReadOnlySpan<int> tokens, int b, int t, ReadOnlySpan<int> lengths = default)
    {
        (_b, _t) = (b, t);
        Span<int> kept = new(_lengths.P, b);
        kept.Fill(t);
        lengths.CopyTo(kept);
        tokens.CopyTo(_tokens);
        int n = b * t;
        int c = _c.Hidden;
        for (int i = 0; i < n; i++)
        {
            Copy(_embedding.Value.P + ((long)tokens[i] * c), _x.P + ((long)i * c), c); // (N) -> (N, C)
        }

        foreach (Layer layer in _layers)
        {
            Forward(layer, n);
        }

        Norm(_x, _finalNorm, _xn, _inverseNorm, n);
        Gemm.Multiply(false, true, n, _c.Vocabulary, c, 1, _xn.P, c, HeadWeight.Value.P, c, 0, _logits.P, _c.Vocabulary, _threads); // (N, C) -> (N, V)
    }

    /// <summary>The logits of one row of the last forward pass, before <see cref="Loss(ReadOnlySpan{int}, float)"/>.</summary>
    public ReadOnlySpan<float> Logits(int row) => new(_logits.P + ((long)row * _c.Vocabulary), _c.Vocabulary);

    /// <summary>Turns logits into the gradient of the summed cross-entropy, and returns that sum.</summary>
    /// <param name="targets">The wanted next token of each row; -1 where none counts.</param>
    /// <param name="scale">Scales the gradient; 1 / counted tokens gives the mean.</param>
    /// <returns>The sum of -log p over the rows that count.</returns>
    public double Loss(ReadOnlySpan<int> targets, float scale)
    {
        new Span<float>(_scales.P, _b * _t).Fill(scale);
        return Loss(targets);
    }

    /// <summary>The same with a scale for each sequence.</summary>
    /// <param name="targets">The wanted next token of each row; -1 where none counts.</param>
    /// <param name="scales">Scale the gradients of the sequences; 1 / its counted tokens gives the mean of each.</param>
    /// <returns>The sum of -log p over the rows that count.</returns>
    public double Loss(ReadOnlySpan<int> targets, ReadOnlySpan<float> scales)
    {
        for (int i = 0; i < _b; i++)
        {
            new Span<float>(_scales.P + ((long)i * _t), _t).Fill(scales[i]);
        }

        return Loss(targets);
    }

    /// <summary>The sum of -log p over the rows of one sequence that counted in the last <see cref="Loss(ReadOnlySpan{int}, float)"/>.</summary>
    public double LossOf(int sequence)
    {
        double sum = 0;
        foreach (double loss in new ReadOnlySpan<double>((double*)_losses.P + ((long)sequence * _t), _t))
        {
            sum += loss;
        }

        return sum;
    }

    /// <summary>The backward pass after <see cref="Loss(ReadOnlySpan{int}, float)"/>: adds to the gradients of whatever trains.</summary>
    public void Backward()
    {
        int n = _b * _t;
        int c = _c.Hidden;
        int v = _c.Vocabulary;
        Gemm.Multiply(false, false, n, c, v, 1, _logits.P, v, HeadWeight.Value.P, c, 0, _dxn.P, c, _threads); // (N, V) -> (N, C)
        if (HeadWeight.Gradient is { } gh)
        {
            Gemm.Multiply(true, false, v, c, n, 1, _logits.P, v, _xn.P, c, 1, gh.P, c, _threads);
        }

        new Span<float>(_dx.P, n * c).Clear();
        NormBackward(_x, _finalNorm, _inverseNorm, n);
        for (int l = _layers.Length - 1; l >= 0; l--)
        {
            Backward(_layers[l], n, first: l == 0 && _embedding.Gradient is null);
        }

        if (_embedding.Gradient is { } ge)
        {
            for (int i = 0; i < n; i++)
            {
                Ops.AddScaled(ge.P + ((long)_tokens[i] * c), _dx.P + ((long)i * c), 1, c);
            }
        }
    }

    /// <summary>Sets all gradients to zero.</summary>
    public void ZeroGradients()
    {
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

        foreach (Layer layer in _layers)
        {
            layer.Dispose();
        }

        foreach (Matrix matrix in (Matrix[])[_cos, _sin, _x, _xn, _logits, _dx, _dxn, _dq, _dk, _dv, _dattended, _dm, _dg, _du, _dp, _inverseNorm, _losses, _targets, _scales, _lengths])
        {
            matrix.Dispose();
        }
    }

    private Parameter HeadWeight => _head ?? _embedding;

    private Sequences Sequences => new(_b, _t, (int*)_lengths.P);

    private HeadShape HeadShape => new(_t, _c.HeadWidth, _c.Heads, _c.KeyValueHeads);

    private Parameter[] WithGradient() => [.. AllParameters().Where(parameter => parameter.Gradient is not null)];

    private IEnumerable<Parameter> AllParameters() =>
        BaseParameters().Concat(Linears.Select(linear => linear.Adapter).OfType<LoraFactors>().SelectMany(adapter => new[] { adapter.A, adapter.B }));

    private double Loss(ReadOnlySpan<int> targets)
    {
        int n = _b * _t;
        int v = _c.Vocabulary;
        double* losses = (double*)_losses.P;
        targets[..n].CopyTo(new Span<int>(_targets.P, n));
        Workers.Rows(n, _threads, new LossRows(_logits.P, (int*)_targets.P, _scales.P, losses, v));
        double sum = 0;
        for (int i = 0; i < n; i++)
        {
            sum += losses[i]; // in row order, whatever the threads
        }

        return sum;
    }

    private void Forward(Layer layer, int n)
    {
        int c = _c.Hidden;
        Copy(_x.P, layer.X0.P, (long)n * c);
        Norm(layer.X0, layer.AttentionNorm, layer.Xn1, layer.R1, n);
        layer.Q.Forward(layer.Xn1.P, layer.Qs.P, n, _threads); // (N, C) -> (N, H·D)
        layer.K.Forward(layer.Xn1.P, layer.Ks.P, n, _threads); // (N, C) -> (N, G·D)
        layer.V.Forward(layer.Xn1.P, layer.Vs.P, n, _threads);
        Rope(layer.Qs, _c.Heads, n, 1);
        Rope(layer.Ks, _c.KeyValueHeads, n, 1);
        Workers.Rows(_b * _c.Heads, _threads, new AttentionRows(layer.Qs.P, layer.Ks.P, layer.Vs.P, layer.P.P, layer.Attended.P, Sequences.Lengths, HeadShape));
        layer.O.Forward(layer.Attended.P, layer.X1.P, n, _threads); // (N, H·D) -> (N, C)
        Ops.AddScaled(layer.X1.P, layer.X0.P, 1, (long)n * c);
        Norm(layer.X1, layer.MlpNorm, layer.Xn2, layer.R2, n);
        layer.Gate.Forward(layer.Xn2.P, layer.G.P, n, _threads); // (N, C) -> (N, F)
        layer.Up.Forward(layer.Xn2.P, layer.U.P, n, _threads);
        Workers.Rows(n, _threads, new SwiGluRows(layer.G.P, layer.U.P, layer.M.P, _c.Intermediate));
        layer.Down.Forward(layer.M.P, _x.P, n, _threads); // (N, F) -> (N, C)
        Ops.AddScaled(_x.P, layer.X1.P, 1, (long)n * c);
    }

    private void Backward(Layer layer, int n, bool first)
    {
        layer.Down.Backward(layer.M.P, _dx.P, _dm.P, 0, Sequences, _threads);
        Workers.Rows(n, _threads, new SwiGluBackwardRows(layer.G.P, layer.U.P, _dm.P, _dg.P, _du.P, _c.Intermediate));
        layer.Gate.Backward(layer.Xn2.P, _dg.P, _dxn.P, 0, Sequences, _threads);
        layer.Up.Backward(layer.Xn2.P, _du.P, _dxn.P, 1, Sequences, _threads);
        NormBackward(layer.X1, layer.MlpNorm, layer.R2, n);
        layer.O.Backward(layer.Attended.P, _dx.P, _dattended.P, 0, Sequences, _threads);
        Workers.Rows(_b * _c.KeyValueHeads, _threads, new AttentionBackwardRows(layer.Qs.P, layer.Ks.P, layer.Vs.P, layer.P.P, _dattended.P, _dp.P, _dq.P, _dk.P, _dv.P, Sequences.Lengths, HeadShape));
        Rope(_dq, _c.Heads, n, -1);
        Rope(_dk, _c.KeyValueHeads, n, -1);
        float* dxn = first ? null : _dxn.P;
        layer.Q.Backward(layer.Xn1.P, _dq.P, dxn, 0, Sequences, _threads);
        layer.K.Backward(layer.Xn1.P, _dk.P, dxn, 1, Sequences, _threads);
        layer.V.Backward(layer.Xn1.P, _dv.P, dxn, 1, Sequences, _threads);
        if (!first)
        {
            NormBackward(layer.X0, layer.AttentionNorm, layer.R1, n);
        }
    }

    private void Norm(Matrix x, Parameter weight, Matrix y, Matrix inverse, int n) =>
        Workers.Rows(n, _threads, new NormRows(x.P, weight.Value.P, y.P, inverse.P, _c.Hidden, _c.NormEpsilon));

    // Adds to dx. The weight's gradient is one sum over rows, so rows run in order when it trains.
    private void NormBackward(Matrix x, Parameter weight, Matrix inverse, int n)
    {
        float* dw = weight.Gradient is { } gradient ? gradient.P : null;
        Workers.Rows(n, dw is null ? _threads : 1, new NormBackwardRows(x.P, weight.Value.P, inverse.P, _dxn.P, _dx.P, dw, _c.Hidden));
    }

    private void Rope(Matrix heads, int count, int n, float sign) =>
        Workers.Rows(n, _threads, new RopeRows(heads.P, _cos.P, _sin.P, count, _c.HeadWidth / 2, _t, sign));

    private static void Copy(float* from, float* to, long count) => NativeMemory.Copy(from, to, (nuint)(count * sizeof(float)));
}
