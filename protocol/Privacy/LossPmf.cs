// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>The privacy losses of one direction on a grid: mass at each multiple of the interval, and mass at infinity.</summary>
/// <remarks>Sommer, Meiser and Mohammadi 2019, "Privacy loss classes". delta(eps) = infinite mass + sum over losses l above eps of P[l] (1 - e^(eps - l)).</remarks>
public sealed class LossPmf
{
    private readonly double[] _masses;

    internal LossPmf(double interval, bool pessimistic, long lowest, double[] masses, double infiniteMass)
    {
        Interval = interval;
        IsPessimistic = pessimistic;
        Lowest = lowest;
        _masses = masses;
        InfiniteMass = infiniteMass;
    }

    /// <summary>The grid's interval, in nats.</summary>
    public double Interval { get; }

    /// <summary>Whether delta and epsilon are upper bounds; else they are lower bounds.</summary>
    public bool IsPessimistic { get; }

    /// <summary>The index of the first mass; its loss is the index times the interval.</summary>
    public long Lowest { get; }

    /// <summary>The number of grid points held.</summary>
    public int Count => _masses.Length;

    /// <summary>The mass at infinity, with what truncation put there. A lower bound holds what truncation took as a negative amount.</summary>
    public double InfiniteMass { get; }

    /// <summary>The masses, from <see cref="Lowest"/> on.</summary>
    public ReadOnlySpan<double> Masses => _masses;

    /// <summary>The mass at a grid point.</summary>
    /// <param name="index">The loss divided by the interval.</param>
    public double At(long index) => index >= Lowest && index < Lowest + _masses.Length ? _masses[index - Lowest] : 0;

    /// <summary>The loss of the i-th mass.</summary>
    internal double Loss(int i) => (Lowest + i) * Interval;

    /// <summary>delta at an epsilon, which may be negative here.</summary>
    public double Delta(double epsilon)
    {
        double sum = 0;
        for (int i = _masses.Length - 1; i >= 0 && Loss(i) > epsilon; i--)
        {
            sum += _masses[i] * -NearOne.ExpMinusOne(epsilon - Loss(i));
        }

        return Math.Clamp(InfiniteMass + sum, 0, 1);
    }

    /// <summary>The smallest epsilon of 0 or more at a delta; infinity when the infinite mass is above it.</summary>
    public double Epsilon(double delta) => Epsilon(delta, 0);

    /// <summary>The smallest epsilon of <paramref name="least"/> or more at a delta.</summary>
    internal double Epsilon(double delta, double least)
    {
        if (InfiniteMass > delta)
        {
            return double.PositiveInfinity;
        }

        double upper = InfiniteMass;
        LossTail lower = default;
        for (int i = _masses.Length - 1; i >= 0; i--)
        {
            double loss = Loss(i);
            if (loss <= least || (upper > delta && lower.HasMass && lower.Epsilon(upper - delta) >= loss))
            {
                break;
            }

            upper += _masses[i];
            lower.Add(loss, _masses[i]);
        }

        return upper - lower.At(least) <= delta || !lower.HasMass ? least : Math.Max(least, lower.Epsilon(upper - delta));
    }

    /// <summary>The mechanism composed with itself.</summary>
    /// <param name="times">The number of compositions.</param>
    /// <param name="tailMass">The mass that may be truncated.</param>
    public LossPmf SelfCompose(long times, double tailMass) =>
        PrivacyArguments.Count(times, "the number of steps") == 1 ? this : LossComposition.Power(this, times, tailMass);

    /// <summary>The composition of two mechanisms.</summary>
    /// <param name="other">The other, on the same grid and with the same direction of rounding.</param>
    /// <param name="tailMass">The mass that may be truncated.</param>
    public LossPmf Compose(LossPmf other, double tailMass)
    {
        RequireSameGrid(other);
        return LossComposition.Product(this, other, tailMass);
    }

    /// <summary>The mechanism that is this one with a probability and another one otherwise, where which one is known.</summary>
    /// <param name="other">The other, on the same grid and with the same direction of rounding.</param>
    /// <param name="weight">The probability of this one.</param>
    public LossPmf Mix(LossPmf other, double weight)
    {
        RequireSameGrid(other);
        long lowest = Math.Min(Lowest, other.Lowest);
        double[] masses = new double[Math.Max(Lowest + Count, other.Lowest + other.Count) - lowest];
        for (int i = 0; i < masses.Length; i++)
        {
            masses[i] = (weight * At(lowest + i)) + ((1 - weight) * other.At(lowest + i));
        }

        return new LossPmf(Interval, IsPessimistic, lowest, masses, (weight * InfiniteMass) + ((1 - weight) * other.InfiniteMass));
    }

    private void RequireSameGrid(LossPmf other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (!Interval.Equals(other.Interval) || IsPessimistic != other.IsPessimistic)
        {
            throw new FedCloudException(ErrorCodes.PrivacyLossMismatch, $"expected interval {PrivacyArguments.Text(Interval)} and {Bound(IsPessimistic)}, found {PrivacyArguments.Text(other.Interval)} and {Bound(other.IsPessimistic)}");
        }
    }

    private static string Bound(bool pessimistic) => pessimistic ? "an upper bound" : "a lower bound";
}
