// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>Adds the noise of claim A to a clipped sum, in whole grid units (privacy, rules S4 to S6).</summary>
public sealed class GridNoise
{
    private readonly IIntegerSampler _sampler;

    /// <summary>The noise of a job.</summary>
    /// <param name="plan">Grid and deviation.</param>
    /// <param name="profile">How it is drawn.</param>
    /// <param name="bits">Uniform bits; stay the caller's.</param>
    public GridNoise(GridNoisePlan plan, NoiseProfile profile, RandomBits bits)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Plan = plan;
        Profile = profile;
        _sampler = profile switch
        {
            NoiseProfile.Exact => new DiscreteGaussianSampler(bits, plan.SigmaUnits),
            NoiseProfile.Rounded => new RoundedGaussianSampler(bits, plan.SigmaUnits),
            _ => throw new ArgumentOutOfRangeException(nameof(profile), profile, "not a noise profile"),
        };
    }

    /// <summary>Grid and deviation.</summary>
    public GridNoisePlan Plan { get; }

    /// <summary>How the noise is drawn.</summary>
    public NoiseProfile Profile { get; }

    /// <summary>Adds one draw to each coordinate.</summary>
    /// <param name="sums">The clipped sum in grid units (<see cref="GridNoisePlan.ToGrid"/>), noised in place.</param>
    public void AddTo(Span<long> sums)
    {
        for (int i = 0; i < sums.Length; i++)
        {
            sums[i] = checked(sums[i] + _sampler.Next());
        }
    }
}
