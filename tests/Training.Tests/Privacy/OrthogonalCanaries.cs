// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Privacy;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Privacy;

/// <summary>Steps without a model: canaries whose gradients have no coordinate in common, so that none hides another, through the engine's sampling, clipping, sum and noise.</summary>
/// <remarks>
/// Each canary's gradient is three clip norms long, with equal parts in two modules, so that each way to clip leaves a norm of C. The attack is the
/// likelihood ratio of each canary: of its coordinate with sampling against without it.
/// </remarks>
internal sealed class OrthogonalCanaries(int canaries)
{
    private const double Clip = 0.7;
    private const int Together = 64;

    private readonly int _d = 2 * canaries;

    public ClippingMode Mode { get; init; }

    public NoiseProfile Profile { get; init; } = NoiseProfile.Rounded;

    /// <summary>z, of the noise that is added.</summary>
    public required double NoiseMultiplier { get; init; }

    /// <summary>q, of the coins that are thrown.</summary>
    public required double SamplingRate { get; init; }

    /// <summary>By how much clipping is looser than what noise is made for; 1 is right.</summary>
    public double Loosened { get; init; } = 1;

    public CanaryScores Run(int steps, int key)
    {
        using RandomBits coins = new(PrivateTask.Source(key + 1));
        using RandomBits entering = new(PrivateTask.Source(key + 2));
        using RandomBits drawn = new(PrivateTask.Source(key + 3));
        bool[] members = [.. Enumerable.Range(0, canaries).Select(_ => coins.NextBit())];
        int[] trained = [.. Enumerable.Range(0, canaries).Where(i => members[i])];
        GridNoisePlan plan = new(NoiseMultiplier, Clip, _d);
        PoissonSubsampling sampling = new(trained.Length, SamplingRate, entering);
        GridSum sum = new(new GridNoisePlan(NoiseMultiplier / Loosened, Clip * Loosened, _d), Mode, [canaries, canaries], Together, canaries, threads: 1);
        using NoiseShares noise = new(plan, Profile, [drawn]);
        double[] scores = new double[canaries];
        for (int step = 0; step < steps; step++)
        {
            sum.Clear();
            foreach (int[] some in sampling.Next().ToArray().Chunk(Together))
            {
                Add(sum, [.. some.Select(unit => trained[unit])]);
            }

            noise.AddTo(sum.Units);
            for (int i = 0; i < canaries; i++)
            {
                double along = (plan.FromGrid(sum.Units[i]) + plan.FromGrid(sum.Units[i + canaries])) / (Math.Sqrt(2) * Clip);
                scores[i] += LogRatio(along);
            }
        }

        return new CanaryScores(members, scores);
    }

    private unsafe void Add(GridSum sum, int[] entered)
    {
        float[] gradients = new float[entered.Length * _d]; // (units, d)
        for (int row = 0; row < entered.Length; row++)
        {
            gradients[(row * _d) + entered[row]] = gradients[(row * _d) + canaries + entered[row]] = (float)(3 * Clip / Math.Sqrt(2));
        }

        fixed (float* first = gradients)
        {
            sum.Add(first, entered);
        }
    }

    // ln(1 - q + q e^a), a that of N(1, z^2) against N(0, z^2).
    private double LogRatio(double along)
    {
        double a = (along - 0.5) / (NoiseMultiplier * NoiseMultiplier);
        return a > 0 ? a + Math.Log(SamplingRate + ((1 - SamplingRate) * Math.Exp(-a))) : Math.Log(1 - SamplingRate + (SamplingRate * Math.Exp(a)));
    }
}
