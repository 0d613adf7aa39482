// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>The privacy loss distribution of a mechanism when one record is added or removed: both directions on one grid.</summary>
/// <remarks>Koskela et al. 2020; Doroshenko et al. 2022. Delta and epsilon are the larger of the two directions. Compositions are per direction.</remarks>
public sealed class PrivacyLossDistribution
{
    private readonly PldOptions _options;

    private PrivacyLossDistribution(LossPmf remove, LossPmf add, PldOptions options)
    {
        Remove = remove;
        Add = add;
        _options = options;
    }

    /// <summary>The losses when a record is removed.</summary>
    public LossPmf Remove { get; }

    /// <summary>The losses when a record is added; the same object where the directions are alike.</summary>
    public LossPmf Add { get; }

    /// <summary>The distribution of one step of DP-SGD.</summary>
    /// <param name="noiseMultiplier">Standard deviation over clip norm.</param>
    /// <param name="samplingRate">The probability of each record to enter a step.</param>
    /// <param name="options">Grid, rounding and truncation.</param>
    public static PrivacyLossDistribution DpSgdStep(double noiseMultiplier, double samplingRate, PldOptions options)
    {
        GaussianPair gaussian = new(noiseMultiplier);
        return PrivacyArguments.SamplingRate(samplingRate) >= 1 ? OfSymmetric(gaussian, options) : OfPair(new PoissonSampledPair(gaussian, samplingRate), options);
    }

    /// <summary>The distribution of a pair for which adding is removing with P and Q exchanged.</summary>
    /// <param name="remove">The pair when a record is removed.</param>
    /// <param name="options">Grid, rounding and truncation.</param>
    public static PrivacyLossDistribution OfPair(DominatingPair remove, PldOptions options)
    {
        ArgumentNullException.ThrowIfNull(remove);
        ArgumentNullException.ThrowIfNull(options);
        return new PrivacyLossDistribution(LossDiscretisation.Discretise(remove, options.Checked()), LossDiscretisation.Discretise(remove.Reversed(), options), options);
    }

    /// <summary>The distribution of a pair whose directions have the same losses.</summary>
    /// <param name="pair">The pair.</param>
    /// <param name="options">Grid, rounding and truncation.</param>
    public static PrivacyLossDistribution OfSymmetric(DominatingPair pair, PldOptions options)
    {
        ArgumentNullException.ThrowIfNull(pair);
        ArgumentNullException.ThrowIfNull(options);
        LossPmf pmf = LossDiscretisation.Discretise(pair, options.Checked());
        return new PrivacyLossDistribution(pmf, pmf, options);
    }

    /// <summary>The worst mechanism of which only (epsilon, delta) is known (Kairouz, Oh and Viswanath 2015).</summary>
    /// <param name="epsilon">Its epsilon, 0 or more.</param>
    /// <param name="delta">Its delta, 0 or more and below 1.</param>
    /// <param name="options">Grid, rounding and truncation.</param>
    public static PrivacyLossDistribution ApproximateDp(double epsilon, double delta, PldOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        PrivacyArguments.Epsilon(epsilon);
        if (!(delta >= 0 && delta < 1))
        {
            throw PrivacyArguments.Refusal(ErrorCodes.DeltaInvalid, "delta", "0 or more and below 1", PrivacyArguments.Text(delta));
        }

        double up = (1 - delta) / (1 + Math.Exp(-epsilon));
        LossPmf pmf = LossAtoms.OnGrid([new(epsilon, up), new(-epsilon, 1 - delta - up)], delta, options.Checked());
        return new PrivacyLossDistribution(pmf, pmf, options);
    }

    /// <summary>The discrete Gaussian cut to |x| ≤ cut, after Poisson sampling: a reference for auditors.</summary>
    /// <param name="sigma">The parameter sigma, grid units.</param>
    /// <param name="sensitivity">The shift, grid units.</param>
    /// <param name="cut">The largest noise.</param>
    /// <param name="samplingRate">The probability of each record to enter.</param>
    /// <param name="options">Grid, rounding and truncation; losses are atoms, so rounding is up or down.</param>
    public static PrivacyLossDistribution DiscreteGaussian(double sigma, int sensitivity, int cut, double samplingRate, PldOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        (ImmutableArray<LossAtom> remove, double infiniteRemove) = LossAtoms.CutDiscreteGaussian(sigma, sensitivity, cut, PrivacyArguments.SamplingRate(samplingRate), removed: true);
        (ImmutableArray<LossAtom> add, double infiniteAdd) = LossAtoms.CutDiscreteGaussian(sigma, sensitivity, cut, samplingRate, removed: false);
        return new PrivacyLossDistribution(LossAtoms.OnGrid(remove, infiniteRemove, options.Checked()), LossAtoms.OnGrid(add, infiniteAdd, options), options);
    }

    /// <summary>Poisson sampling cut to a largest batch (Chua et al. 2024, "Scalable DP-SGD", with replacement as the bound where the cut acts).</summary>
    /// <remarks>A reference for auditors; a plan's sampler is never capped (privacy, section 2).</remarks>
    /// <param name="records">The number of records.</param>
    /// <param name="samplingRate">The probability of each record to enter.</param>
    /// <param name="largestBatch">Records beyond this number are dropped at random.</param>
    /// <param name="noiseMultiplier">Standard deviation over clip norm.</param>
    /// <param name="options">Grid, rounding and truncation.</param>
    public static PrivacyLossDistribution TruncatedSampling(int records, double samplingRate, int largestBatch, double noiseMultiplier, PldOptions options)
    {
        PrivacyLossDistribution free = DpSgdStep(noiseMultiplier, samplingRate, options);
        PrivacyArguments.Count(records, "the number of records");
        PrivacyArguments.Count(largestBatch, "the largest batch");
        double cut = Binomial.Above(largestBatch - 1, records - 1, samplingRate); // given that the record was drawn
        if (cut <= 0)
        {
            return free;
        }

        double rate = Binomial.Above(largestBatch, records, samplingRate) * largestBatch / cut / records;
        ImmutableArray<GaussianComponent> upper = rate < 1 ? [new(0, 1 - rate), new(1, rate)] : [new(1, 1)];
        ImmutableArray<GaussianComponent> lower = [.. upper.Select(component => component with { Mean = -component.Mean })];
        PrivacyLossDistribution replaced = OfPair(new GaussianMixturePair(noiseMultiplier / 2, upper, lower), options);
        return new PrivacyLossDistribution(replaced.Remove.Mix(free.Remove, cut), replaced.Add.Mix(free.Add, cut), options);
    }

    /// <summary>The mechanism composed with itself.</summary>
    /// <param name="times">The number of compositions.</param>
    public PrivacyLossDistribution SelfCompose(long times)
    {
        LossPmf remove = Remove.SelfCompose(times, _options.CompositionTail);
        return new PrivacyLossDistribution(remove, ReferenceEquals(Remove, Add) ? remove : Add.SelfCompose(times, _options.CompositionTail), _options);
    }

    /// <summary>The composition of two mechanisms.</summary>
    /// <param name="other">The other, on the same grid and with the same direction of rounding.</param>
    public PrivacyLossDistribution Compose(PrivacyLossDistribution other)
    {
        ArgumentNullException.ThrowIfNull(other);
        LossPmf remove = Remove.Compose(other.Remove, _options.CompositionTail);
        bool alike = ReferenceEquals(Remove, Add) && ReferenceEquals(other.Remove, other.Add);
        return new PrivacyLossDistribution(remove, alike ? remove : Add.Compose(other.Add, _options.CompositionTail), _options);
    }

    /// <summary>delta at an epsilon.</summary>
    /// <param name="epsilon">Epsilon, 0 or more.</param>
    public double Delta(double epsilon)
    {
        PrivacyArguments.Epsilon(epsilon);
        double remove = Remove.Delta(epsilon);
        return ReferenceEquals(Remove, Add) ? remove : Math.Max(remove, Add.Delta(epsilon));
    }

    /// <summary>The smallest epsilon of 0 or more at a delta; positive infinity when the mass at infinity is above it.</summary>
    /// <param name="delta">Delta, between 0 and 1.</param>
    public double Epsilon(double delta)
    {
        PrivacyArguments.Delta(delta);
        double remove = Remove.Epsilon(delta);
        return ReferenceEquals(Remove, Add) ? remove : Math.Max(remove, Add.Epsilon(delta));
    }
}
