// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Privacy;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;
using FedCloud.Training.Kernels;
using FedCloud.Training.Llama;

namespace FedCloud.Training.Privacy;

/// <summary>The gradient of a DP-SGD step (Abadi et al. 2016, Algorithm 1; privacy, sections 2 and 5): sampled units, each clipped, summed on the grid, noised, divided by the expected batch.</summary>
/// <remarks>
/// Units go through the model in micro-batches of any composition, since a unit's contribution has the same bits in all of them
/// (<see cref="ExampleGradients"/>) and the sum is exact (<see cref="GridSum"/>). A step without units still adds noise. The loss
/// that it tells is not private.
/// </remarks>
internal sealed unsafe class PrivateGradient : IStepGradient
{
    private readonly LlamaModel _model;
    private readonly IReadOnlyList<Example> _train;
    private readonly int _expectedBatch;
    private readonly StepRandomness _random;
    private readonly PoissonSubsampling _sampling;
    private readonly int[][] _units; // of each unit its examples
    private readonly MicroBatch _batch;
    private readonly ExampleGradients _gradients;
    private readonly Matrix? _person; // the sum of a person's gradients so far, (1, d)
    private readonly GridSum _sum;
    private readonly NoiseShares _noise;
    private readonly Parameter[] _trained;
    private double _loss;
    private int _lossExamples;
    private int _counted;

    /// <summary>The gradients of a job, with coins and noise from the operating system's generator.</summary>
    /// <param name="model">The model, its adapter training.</param>
    /// <param name="train">The examples.</param>
    /// <param name="privacy">What the job asks for.</param>
    /// <param name="batchSize">The most examples that go through the model together.</param>
    /// <param name="threads">The most threads.</param>
    public PrivateGradient(LlamaModel model, ExampleFile train, JobPrivacy privacy, int batchSize, int threads)
        : this(model, train, privacy, batchSize, threads, StepRandomness.Secret(threads))
    {
    }

    /// <summary>The same with given coins and noise, which it disposes of.</summary>
    internal PrivateGradient(LlamaModel model, ExampleFile train, JobPrivacy privacy, int batchSize, int threads, StepRandomness random)
    {
        _model = model;
        _train = train.Examples;
        _expectedBatch = privacy.ExpectedBatch;
        _random = random;
        _units = Units(_train, privacy.IsPerPerson);
        _sampling = new PoissonSubsampling(_units.Length, privacy.SamplingRate, random.Coins);
        _batch = new MicroBatch(batchSize, Math.Max(1, _train.Max(example => example.Tokens.Length) - 1));
        _trained = [.. model.Trained];
        _gradients = new ExampleGradients(model, batchSize);
        _person = privacy.IsPerPerson ? new Matrix(1, _gradients.Coordinates) : null;
        Plan = new GridNoisePlan(privacy.NoiseMultiplier, privacy.ExampleClip, _gradients.Coordinates);
        ClippingMode mode = privacy.Clipping switch
        {
            "flat" => ClippingMode.Flat,
            "per_layer" => ClippingMode.PerLayer,
            _ => ClippingMode.Automatic,
        };
        _sum = new GridSum(Plan, mode, _gradients.ModuleLengths, batchSize, _units.Length, threads);
        _noise = new NoiseShares(Plan, privacy.Noise is "exact" ? NoiseProfile.Exact : NoiseProfile.Rounded, random.Noise);
    }

    /// <summary>Grid and deviation.</summary>
    public GridNoisePlan Plan { get; }

    /// <summary>The noised sum of the last step, in grid units.</summary>
    public ReadOnlySpan<long> NoisedSum => _sum.Units;

    /// <inheritdoc/>
    public StepLoss Take(int step)
    {
        AddUnits();
        AddNoise();
        Write();
        return new StepLoss(_lossExamples > 0 ? _loss / _lossExamples : null, _counted);
    }

    /// <summary>The sum of the clipped gradients of a new sample. Not private before <see cref="AddNoise"/>.</summary>
    internal void AddUnits()
    {
        _sum.Clear();
        (_loss, _lossExamples, _counted) = (0, 0, 0);
        foreach (int unit in _sampling.Next())
        {
            Enter(_units[unit]);
        }

        AddBatch();
    }

    /// <summary>Makes the sum private.</summary>
    internal void AddNoise() => _noise.AddTo(_sum.Units);

    /// <summary>The sum over the expected batch, as float32, into the parameters' gradients: post-processing.</summary>
    internal void Write()
    {
        ReadOnlySpan<long> noised = _sum.Units;
        foreach (Parameter parameter in _trained)
        {
            Span<float> gradient = (parameter.Gradient ?? throw new InvalidOperationException("a trained parameter has a gradient")).Span;
            for (int i = 0; i < gradient.Length; i++)
            {
                gradient[i] = (float)(Plan.FromGrid(noised[i]) / _expectedBatch);
            }

            noised = noised[gradient.Length..];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _noise.Dispose();
        _random.Dispose();
        _gradients.Dispose();
        _person?.Dispose();
    }

    // The longest last, so that examples of about one length meet in a micro-batch. The sum does not depend on the order.
    private static int[][] Units(IReadOnlyList<Example> train, bool perPerson)
    {
        IEnumerable<int> all = Enumerable.Range(0, train.Count);
        IEnumerable<int[]> units = perPerson
            ? all.GroupBy(i => train[i].Person ?? throw new InvalidOperationException("examples of persons were read without them"), StringComparer.Ordinal).Select(person => person.ToArray())
            : all.Select(i => new[] { i });
        return [.. units.OrderBy(unit => unit.Max(i => train[i].Tokens.Length))];
    }

    private void Enter(int[] unit)
    {
        for (int i = 0; i < unit.Length; i++)
        {
            if (_batch.IsFull)
            {
                AddBatch();
            }

            _batch.Add(_train[unit[i]], endsUnit: i == unit.Length - 1);
        }
    }

    private void AddBatch()
    {
        if (_batch.B == 0)
        {
            return;
        }

        _batch.Pad();
        _model.Forward(_batch.Tokens, _batch.B, _batch.T, _batch.Lengths);
        _model.Loss(_batch.Targets, _batch.Scales);
        _model.Backward();
        AddLosses();
        if (_person is null)
        {
            _sum.Add(_gradients.Row(0), _batch.B);
        }
        else
        {
            AddPersons(_person);
        }

        _batch.Clear();
    }

    // In the order of a person's examples, whatever micro-batches they are in.
    private void AddPersons(Matrix person)
    {
        for (int i = 0; i < _batch.B; i++)
        {
            Ops.AddScaled(person.P, _gradients.Row(i), 1, _gradients.Coordinates);
            if (_batch.EndsUnit(i))
            {
                _sum.Add(person.P, 1);
                person.Span.Clear();
            }
        }
    }

    private void AddLosses()
    {
        for (int i = 0; i < _batch.B; i++)
        {
            double mean = _model.LossOf(i) / _batch.Counted[i];
            if (double.IsFinite(mean))
            {
                _loss += mean;
                _lossExamples++;
            }

            _counted += _batch.Counted[i];
        }
    }
}
