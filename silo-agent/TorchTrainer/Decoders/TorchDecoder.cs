// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using TorchSharp;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Decoders;

/// <summary>The models of <see cref="DecoderModel"/> on TorchSharp: the base frozen on a device, adapters in float32, layers computed again in the backward pass.</summary>
/// <remarks>
/// Between the passes only each layer's input is kept, so a step holds layers x (N, C) and one layer's graph. Each example's own
/// gradient comes from a pass of that example alone, without padding: its bits then cannot depend on the others, which no product of
/// libtorch over a batch promises. Not thread-safe.
/// </remarks>
internal sealed class TorchDecoder : IDecoder
{
    private readonly Device _device;
    private readonly TorchEmbedding _embedding;
    private readonly TorchHead _head;
    private readonly TorchLayer[] _layers;
    private readonly Dictionary<RotaryPositions, TorchRotary> _rotary = [];
    private readonly Tensor?[] _inputs; // of each layer: (b, t, C)
    private readonly double[] _losses; // (N)
    private readonly int[] _tokens; // (N), of a pass whose examples are kept apart
    private readonly int[] _lengths;
    private Parameter[] _trained = [];
    private int _lowest; // the first layer with something that trains
    private bool _isStale = true; // whether frozen factors have other values on the host
    private Tensor? _x; // (b, t, C): the last layer's output
    private Tensor? _gradient; // (b, t, C): that of _x
    private int _b;
    private int _t;

    /// <summary>Loads a base model and puts a zero adapter on it.</summary>
    /// <param name="parts">Its parts.</param>
    /// <param name="rows">The most tokens of a batch.</param>
    /// <param name="length">The longest sequence.</param>
    public TorchDecoder(TorchParts parts, int rows, int length)
    {
        Config = parts.Config;
        _device = parts.Device;
        _embedding = new TorchEmbedding(parts);
        _head = new TorchHead(parts, _embedding);
        _layers = [.. Enumerable.Range(0, Config.Layers).Select(layer => new TorchLayer(parts, layer, Rotary(layer, length)))];
        _inputs = new Tensor?[_layers.Length];
        _losses = new double[rows];
        _tokens = new int[rows];
        _lengths = new int[rows];
        _lowest = _layers.Length;
    }

    /// <inheritdoc/>
    public ModelConfig Config { get; }

    /// <inheritdoc/>
    public IEnumerable<LoraFactors> Adapters => _layers.SelectMany(layer => layer.Linears).Select(linear => linear.Adapter).OfType<LoraFactors>();

    /// <inheritdoc/>
    public IEnumerable<Parameter> Trained => _trained;

    /// <inheritdoc/>
    public void LoadAdapter(SafetensorsFile file, AdapterLayout layout)
    {
        AdapterFactors.Read(file, layout, Adapters.SelectMany(adapter => new[] { adapter.A, adapter.B }));
        _isStale = true;
    }

    /// <inheritdoc/>
    public void TrainAdapter(ExchangedFactor exchanged)
    {
        foreach (LoraFactors adapter in Adapters)
        {
            adapter.Train(exchanged);
        }

        _trained = [.. Factors.Where(factor => factor.Trains).Select(factor => factor.Host)];
        _lowest = Array.FindIndex(_layers, layer => layer.Trains) is >= 0 and var first ? first : _layers.Length;
        _isStale = true;
    }

    /// <inheritdoc/>
    public IExampleGradients KeepExamples(int examples) => new ExampleGradients(this, examples);

    /// <inheritdoc/>
    public void Forward(ReadOnlySpan<int> tokens, int b, int t, ReadOnlySpan<int> lengths = default)
    {
        (_b, _t) = (b, t);
        foreach (TorchFactor factor in Factors.Where(factor => factor.Trains || _isStale))
        {
            factor.Upload();
        }

        _isStale = false;
        if (KeepsExamples)
        {
            tokens[..(b * t)].CopyTo(_tokens);
            _lengths.AsSpan(0, b).Fill(t);
            lengths.CopyTo(_lengths);
            return;
        }

        Run(tokens[..(b * t)], b, t);
    }

    /// <inheritdoc/>
    public double Loss(ReadOnlySpan<int> targets, float scale)
    {
        float[] scales = new float[_b];
        scales.AsSpan().Fill(scale);
        return Loss(targets, scales);
    }

    /// <inheritdoc/>
    public double Loss(ReadOnlySpan<int> targets, ReadOnlySpan<float> scales)
    {
        double sum = 0;
        Array.Clear(_losses);
        if (!KeepsExamples)
        {
            Take(targets[..(_b * _t)], scales, _losses);
        }

        for (int i = 0; i < _b && KeepsExamples; i++)
        {
            (int first, int length) = (i * _t, _lengths[i]);
            Run(_tokens.AsSpan(first, length), 1, length);
            Take(targets.Slice(first, length), scales.Slice(i, 1), _losses.AsSpan(first, length));
            Return(example: i);
        }

        for (int i = 0; i < _b; i++)
        {
            sum += LossOf(i);
        }

        return sum;
    }

    /// <inheritdoc/>
    public double LossOf(int sequence)
    {
        double sum = 0;
        foreach (double loss in _losses.AsSpan(sequence * _t, _t))
        {
            sum += loss;
        }

        return sum;
    }

    /// <inheritdoc/>
    public void Backward()
    {
        if (!KeepsExamples)
        {
            Return(example: 0);
        }
    }

    /// <inheritdoc/>
    public void ZeroGradients()
    {
        foreach (Parameter parameter in _trained)
        {
            parameter.Gradient?.Span.Clear();
        }
    }

    /// <summary>The logits of the last forward pass, (b·t, V), for comparisons: a batch of them is large.</summary>
    internal float[] Logits()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable still = no_grad();
        float[] logits = [];
        Devices.TensorCopies.Read(_head.Logits((_x ?? throw new InvalidOperationException("there was no forward pass")).reshape(_b * _t, -1)), values => logits = values.ToArray());
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        foreach (IDisposable part in _layers.Concat<IDisposable>(_rotary.Values).Append(_head).Append(_embedding))
        {
            part.Dispose();
        }
    }

    // While each example's gradient has its own place, there is none for their sum.
    private bool KeepsExamples => _trained is [{ Examples: not null }, ..];

    private IEnumerable<TorchFactor> Factors => _layers.SelectMany(layer => layer.Linears).SelectMany(linear => linear.Factors);

    private void Run(ReadOnlySpan<int> tokens, int b, int t)
    {
        Forget();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable still = no_grad();
        Tensor x = _embedding.Forward(tokens, b, t, _device); // (b, t, C)
        for (int l = 0; l < _layers.Length; l++)
        {
            using DisposeScope layer = NewDisposeScope();
            Tensor input = x;
            x = layer.MoveToOuter(_layers[l].Forward(input));
            if (l < _lowest)
            {
                input.Dispose(); // the scope would hold it to the end
            }
            else
            {
                _inputs[l] = input.DetachFromDisposeScope();
            }
        }

        _x = x.DetachFromDisposeScope();
    }

    private void Take(ReadOnlySpan<int> targets, ReadOnlySpan<float> scales, Span<double> losses)
    {
        Tensor x = _x ?? throw new InvalidOperationException("a loss follows a forward pass");
        _gradient?.Dispose();
        _gradient = _head.Loss(x, targets, scales, losses, wantsGradient: _trained.Length > 0);
    }

    private void Return(int example)
    {
        Tensor dy = _gradient ?? throw new InvalidOperationException("a backward pass follows a loss, of a model that trains");
        for (int l = _layers.Length - 1; l >= _lowest; l--)
        {
            Tensor input = _inputs[l] ?? throw new InvalidOperationException("the forward pass kept no input");
            Tensor? before = _layers[l].Backward(input, dy, wantsInput: l > _lowest, example);
            input.Dispose();
            dy.Dispose();
            (_inputs[l], _gradient) = (null, before);
            dy = before ?? dy;
        }
    }

    private void Forget()
    {
        for (int l = 0; l < _inputs.Length; l++)
        {
            _inputs[l]?.Dispose();
            _inputs[l] = null;
        }

        _x?.Dispose();
        _gradient?.Dispose();
        (_x, _gradient) = (null, null);
    }

    // Layers with the same positions share a table.
    private TorchRotary? Rotary(int layer, int length)
    {
        if (Config.RopeOf(layer) is not { } positions)
        {
            return null;
        }

        if (!_rotary.TryGetValue(positions, out TorchRotary? table))
        {
            table = new TorchRotary(positions, Config.HeadWidth, length, _device);
            _rotary.Add(positions, table);
        }

        return table;
    }
}
