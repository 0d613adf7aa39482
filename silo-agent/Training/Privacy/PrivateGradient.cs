// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Privacy;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Privacy;

/// <summary>The gradient of a DP-SGD step (Abadi et al. 2016, Algorithm 1; privacy, sections 2 and 5): sampled units, each clipped, summed on the grid, noised, divided by the expected batch.</summary>
/// <remarks>
/// Units go through the model in micro-batches of any composition, since a unit's contribution has the same bits in all of them
/// (<see cref="IExampleGradients"/>) and the sum is exact (<see cref="GridSum"/>). A step without units still adds noise. The loss
/// that it tells is not private.
/// </remarks>
internal sealed class PrivateGradient : IStepGradient
{
    private readonly int _expectedBatch;
    private readonly StepRandomness _random;
    private readonly PoissonSubsampling _sampling;
    private readonly UnitPass _pass;
    private readonly GridSum _sum;
    private readonly NoiseShares _noise;
    private readonly Parameter[] _trained;
    private StepLoss _loss;

    /// <summary>The gradients of a job, with coins and noise from the operating system's generator.</summary>
    /// <param name="model">The model, its adapter training.</param>
    /// <param name="train">The examples.</param>
    /// <param name="privacy">What the job asks for.</param>
    /// <param name="batchSize">The most examples that go through the model together.</param>
    /// <param name="threads">The most threads.</param>
    public PrivateGradient(IDecoder model, ExampleFile train, JobPrivacy privacy, int batchSize, int threads)
        : this(model, train, privacy, batchSize, threads, StepRandomness.Secret(threads))
    {
    }

    /// <summary>The same with given coins and noise, which it disposes of.</summary>
    internal PrivateGradient(IDecoder model, ExampleFile train, JobPrivacy privacy, int batchSize, int threads, StepRandomness random)
    {
        _expectedBatch = privacy.ExpectedBatch;
        _random = random;
        _trained = [.. model.Trained];
        _pass = new UnitPass(model, train.Examples, privacy.IsPerPerson, batchSize);
        _sampling = new PoissonSubsampling(_pass.Units, privacy.SamplingRate, random.Coins);
        Plan = new GridNoisePlan(privacy.NoiseMultiplier, privacy.ExampleClip, _pass.Coordinates);
        _sum = new GridSum(Plan, ClippingRule.ModeOf(privacy.Clipping), _pass.ModuleLengths, batchSize, _pass.Units, threads);
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
        return _loss;
    }

    /// <summary>The sum of the clipped gradients of a new sample. Not private before <see cref="AddNoise"/>.</summary>
    internal void AddUnits()
    {
        _sum.Clear();
        _loss = _pass.AddTo(_sum, _sampling.Next());
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
        _pass.Dispose();
    }
}
