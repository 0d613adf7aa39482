// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>Two mixtures of Gaussians of one deviation, every mean of P at or above every mean of Q: group and truncated sampling.</summary>
/// <remarks>The loss rises with x, so it is inverted by bisection and Newton's method. A reference for auditors.</remarks>
public sealed class GaussianMixturePair : DominatingPair
{
    private readonly double _sigma;
    private readonly ImmutableArray<GaussianComponent> _upper;
    private readonly ImmutableArray<GaussianComponent> _lower;

    /// <summary>The pair of two mixtures.</summary>
    /// <param name="sigma">The standard deviation of every component.</param>
    /// <param name="upper">The components of P; the weights sum to 1.</param>
    /// <param name="lower">The components of Q; the weights sum to 1.</param>
    public GaussianMixturePair(double sigma, ImmutableArray<GaussianComponent> upper, ImmutableArray<GaussianComponent> lower)
    {
        _sigma = PrivacyArguments.Noise(sigma, "the standard deviation");
        _upper = Checked(upper);
        _lower = Checked(lower);
        double least = upper.Min(component => component.Mean);
        double most = lower.Max(component => component.Mean);
        if (least < most)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.NoiseInvalid, "the smallest mean of P", $"at least the largest of Q, {PrivacyArguments.Text(most)}", PrivacyArguments.Text(least));
        }
    }

    /// <inheritdoc/>
    public override TailMasses At(double loss)
    {
        double x = Inverse(loss);
        return new TailMasses(Mass(_upper, x, 1), Mass(_lower, x, 1), Mass(_upper, x, -1), Mass(_lower, x, -1));
    }

    /// <inheritdoc/>
    public override (double Low, double High) Range(double tailMass)
    {
        double reach = -NormalTail.Quantile(tailMass) * _sigma;
        return (Loss(_lower.Min(component => component.Mean) - reach).Value, Loss(_upper.Max(component => component.Mean) + reach).Value);
    }

    private static ImmutableArray<GaussianComponent> Checked(ImmutableArray<GaussianComponent> components)
    {
        double sum = components.Sum(component => component.Weight);
        bool usable = components.All(component => component.Weight > 0 && double.IsFinite(component.Mean)) && Math.Abs(sum - 1) <= 1e-9;
        return usable ? components : throw PrivacyArguments.Refusal(ErrorCodes.NoiseInvalid, "a mixture", "of positive weights with sum 1 and finite means", $"sum {PrivacyArguments.Text(sum)}");
    }

    private double Mass(ImmutableArray<GaussianComponent> components, double x, int side)
    {
        double sum = 0;
        foreach (GaussianComponent component in components)
        {
            sum += component.Weight * NormalTail.Above(side * (x - component.Mean) / _sigma);
        }

        return sum;
    }

    // The x at which the loss is reached: negative infinity when every loss is above, positive infinity when none is.
    private double Inverse(double loss)
    {
        // A thousand deviations and more beyond every mean: no mass lies outside.
        (double low, double high) = (_lower.Min(component => component.Mean) - (1e3 * (1 + _sigma)), _upper.Max(component => component.Mean) + (1e3 * (1 + _sigma)));
        if (Loss(low).Value > loss)
        {
            return double.NegativeInfinity;
        }

        if (Loss(high).Value < loss)
        {
            return double.PositiveInfinity;
        }

        double x = Math.Clamp(0, low, high);
        for (int i = 0; i < 200 && low < high; i++)
        {
            (double value, double slope) = Loss(x);
            if (value > loss)
            {
                high = x;
            }
            else
            {
                low = x;
            }

            double next = x - ((value - loss) / slope);
            next = next > low && next < high ? next : 0.5 * (low + high);
            if (Math.Abs(next - x) <= 1e-15 * (Math.Abs(x) + _sigma))
            {
                return next;
            }

            x = next;
        }

        return x;
    }

    private (double Value, double Slope) Loss(double x)
    {
        (double upper, double upperMean) = LogDensity(_upper, x);
        (double lower, double lowerMean) = LogDensity(_lower, x);
        return (upper - lower, (upperMean - lowerMean) / (_sigma * _sigma));
    }

    // ln of the mixture's density over N(0, sigma^2)'s, and the mean of the means under their shares at x.
    private (double Log, double Mean) LogDensity(ImmutableArray<GaussianComponent> components, double x)
    {
        double peak = double.NegativeInfinity;
        foreach (GaussianComponent component in components)
        {
            peak = Math.Max(peak, Exponent(component, x));
        }

        double sum = 0;
        double mean = 0;
        foreach (GaussianComponent component in components)
        {
            double share = component.Weight * Math.Exp(Exponent(component, x) - peak);
            sum += share;
            mean += share * component.Mean;
        }

        return (peak + Math.Log(sum), mean / sum);
    }

    private double Exponent(GaussianComponent component, double x) => component.Mean * (x - (component.Mean / 2)) / (_sigma * _sigma);
}
