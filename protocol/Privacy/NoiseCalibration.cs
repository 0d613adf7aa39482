// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>The smallest noise multiplier whose epsilon is at or below a target.</summary>
/// <remarks>
/// Epsilon falls with noise, so bracketing and bisection find the answer; what is returned was itself tried and found to be at
/// or below the target, never interpolated. The bound on noise is <c>epsilon_unreachable</c>'s limit, 1e6.
/// </remarks>
public static class NoiseCalibration
{
    private const double MaxNoiseMultiplier = 1e6;

    /// <summary>Searches.</summary>
    /// <param name="targetEpsilon">The target, above 0.</param>
    /// <param name="epsilonOf">Epsilon at a noise multiplier; falls with it; may be infinite.</param>
    /// <param name="search">Where to begin and when to stop; the defaults are used when null.</param>
    /// <returns>A noise multiplier with epsilon at or below the target.</returns>
    public static double Find(double targetEpsilon, Func<double, double> epsilonOf, NoiseSearch? search = null)
    {
        ArgumentNullException.ThrowIfNull(epsilonOf);
        PrivacyArguments.TargetEpsilon(targetEpsilon);
        search ??= new NoiseSearch();
        PrivacyArguments.Noise(search.High, "the search's upper end");
        (double low, double high, double epsilon) = Bracket(targetEpsilon, epsilonOf, search.Low, search.High);
        while (high - low > search.Width && targetEpsilon - epsilon > search.EpsilonSlack)
        {
            double middle = 0.5 * (low + high);
            if (middle <= low || middle >= high)
            {
                break;
            }

            double found = epsilonOf(middle);
            if (found <= targetEpsilon)
            {
                (high, epsilon) = (middle, found);
            }
            else
            {
                low = middle;
            }
        }

        return high;
    }

    private static (double Low, double High, double Epsilon) Bracket(double target, Func<double, double> epsilonOf, double low, double high)
    {
        double epsilon = epsilonOf(high);
        while (!(epsilon <= target))
        {
            low = high;
            high *= 2;
            if (high > MaxNoiseMultiplier)
            {
                throw PrivacyArguments.Refusal(ErrorCodes.EpsilonUnreachable, "epsilon", $"at most {PrivacyArguments.Text(target)} at some noise multiplier up to {PrivacyArguments.Text(MaxNoiseMultiplier)}", $"{PrivacyArguments.Text(epsilon)} at {PrivacyArguments.Text(low)}");
            }

            epsilon = epsilonOf(high);
        }

        // A lower end that is already enough was a wrong belief: go down from it.
        while (low > 0 && epsilonOf(low) is double below && below <= target)
        {
            (high, epsilon) = (low, below);
            low = low > 1e-3 ? low / 2 : 0;
        }

        return (low, high, epsilon);
    }
}
