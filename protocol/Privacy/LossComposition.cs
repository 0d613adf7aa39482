// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>Composition of privacy losses on a grid: convolution by Fourier transform (Koskela, Jälkö and Honkela 2020).</summary>
/// <remarks>
/// A power is computed on a circle just wide enough: Chernoff's bound gives the window outside of which at most a given mass
/// lies, and that mass, which would wrap around or be cut, is added to the mass at infinity of an upper bound and subtracted
/// from that of a lower bound. So is an allowance for the transform's rounding, 2^-50 sqrt(T): measured, not proven (noise of
/// about 1e-17 a point, mostly cancelling), and of no weight for a delta of 1e-10 and more.
/// </remarks>
internal static class LossComposition
{
    private const int MaxLength = 1 << 24;
    private const long MaxSparseTerms = 1 << 16;
    private const double MassTolerance = 1e-6;
    private const double Rounding = 1.0 / (1L << 50);

    internal static LossPmf Power(LossPmf pmf, long times, double tailMass)
    {
        (long low, long high) = Window(pmf, times, tailMass);
        int length = Length(high - low + 1, pmf);
        Complex[] values = new Complex[length];
        for (int i = 0; i < pmf.Count; i++)
        {
            values[i & (length - 1)] += pmf.Masses[i];
        }

        FourierTransform transform = new(length);
        transform.Forward(values);
        for (int i = 0; i < length; i++)
        {
            values[i] = Power(values[i], times);
        }

        transform.Backward(values);
        double[] masses = new double[high - low + 1];
        for (int i = 0; i < masses.Length; i++)
        {
            masses[i] = Cut(values[(low + i) & (length - 1)].Real, pmf.IsPessimistic);
        }

        double expected = Math.Pow(Sum(pmf.Masses), times);
        if (Math.Abs(Sum(masses) - expected) > MassTolerance)
        {
            throw new InvalidOperationException($"a composition lost mass: expected {expected:R}, found {Sum(masses):R}");
        }

        bool whole = low == 0 && high == (pmf.Count - 1) * times;
        double infinite = -NearOne.ExpMinusOne(times * NearOne.LogOnePlus(-pmf.InfiniteMass));
        double truncated = (whole ? 0 : tailMass) + (Rounding * Math.Sqrt(times));
        return new LossPmf(pmf.Interval, pmf.IsPessimistic, (pmf.Lowest * times) + low, masses, infinite + (pmf.IsPessimistic ? truncated : -truncated));
    }

    internal static LossPmf Product(LossPmf a, LossPmf b, double tailMass)
    {
        int count = checked(a.Count + b.Count - 1);
        double infinite = a.InfiniteMass + b.InfiniteMass - (a.InfiniteMass * b.InfiniteMass);
        if (Sparse(a, b, count) is double[] exact)
        {
            return Trim(new LossPmf(a.Interval, a.IsPessimistic, a.Lowest + b.Lowest, exact, infinite), tailMass);
        }

        int length = Length(count, a);
        Complex[] values = new Complex[length];
        for (int i = 0; i < a.Count; i++)
        {
            values[i] += a.Masses[i];
        }

        for (int i = 0; i < b.Count; i++)
        {
            values[i] += new Complex(0, b.Masses[i]);
        }

        // Both are real, so (a + ib)^2 has 2ab as its imaginary part: one transform serves for two.
        FourierTransform transform = new(length);
        transform.Forward(values);
        for (int i = 0; i < length; i++)
        {
            values[i] *= values[i];
        }

        transform.Backward(values);
        double[] masses = new double[count];
        for (int i = 0; i < count; i++)
        {
            masses[i] = Cut(values[i].Imaginary / 2, a.IsPessimistic);
        }

        infinite += a.IsPessimistic ? Rounding : -Rounding;
        return Trim(new LossPmf(a.Interval, a.IsPessimistic, a.Lowest + b.Lowest, masses, infinite), tailMass);
    }

    // Term by term where few points have mass; null where a transform is faster.
    private static double[]? Sparse(LossPmf a, LossPmf b, int count)
    {
        (int[] left, int[] right) = (Held(a), Held(b));
        if ((long)left.Length * right.Length > MaxSparseTerms)
        {
            return null;
        }

        double[] masses = new double[count];
        foreach (int i in left)
        {
            foreach (int j in right)
            {
                masses[i + j] += a.Masses[i] * b.Masses[j];
            }
        }

        return masses;
    }

    private static int[] Held(LossPmf pmf) => [.. Enumerable.Range(0, pmf.Count).Where(i => pmf.Masses[i] != 0)];

    private static double Sum(ReadOnlySpan<double> masses)
    {
        double sum = 0;
        foreach (double mass in masses)
        {
            sum += mass;
        }

        return sum;
    }

    private static double Cut(double mass, bool pessimistic) => pessimistic ? Math.Max(0, mass) : mass;

    private static int Length(long count, LossPmf pmf) => count <= MaxLength
        ? FourierTransform.LengthFor(count)
        : throw PrivacyArguments.Refusal(ErrorCodes.AccountantNotFinite, "the range of the composed privacy loss", $"at most {PrivacyArguments.Text(MaxLength * pmf.Interval)}", PrivacyArguments.Text(count * pmf.Interval));

    private static Complex Power(Complex value, long times)
    {
        Complex result = Complex.One;
        for (long rest = times; rest > 0; rest >>= 1, value *= value)
        {
            if ((rest & 1) != 0)
            {
                result *= value;
            }
        }

        return result;
    }

    // Cuts both ends by at most half the mass each; an upper bound moves the upper end to infinity and the lower end to the first point kept.
    private static LossPmf Trim(LossPmf pmf, double tailMass)
    {
        (int first, double below) = Cuttable(pmf.Masses, tailMass / 2, 0, 1);
        (int last, double above) = Cuttable(pmf.Masses, tailMass / 2, pmf.Count - 1, -1);
        if (first > last)
        {
            return pmf;
        }

        double[] kept = pmf.Masses[first..(last + 1)].ToArray();
        kept[0] += pmf.IsPessimistic ? below : 0;
        return new LossPmf(pmf.Interval, pmf.IsPessimistic, pmf.Lowest + first, kept, pmf.InfiniteMass + (pmf.IsPessimistic ? above : 0));
    }

    private static (int Index, double Mass) Cuttable(ReadOnlySpan<double> masses, double limit, int start, int step)
    {
        double sum = 0;
        int i = start;
        while (i >= 0 && i < masses.Length && sum + Math.Abs(masses[i]) <= limit)
        {
            sum += Math.Abs(masses[i]);
            i += step;
        }

        return (i, sum);
    }

    // Grid indices, relative to the sum of the first points, that hold all but tailMass.
    private static (long Low, long High) Window(LossPmf pmf, long times, double tailMass)
    {
        long most = checked((pmf.Count - 1) * times);
        double[] losses = [.. Enumerable.Range(0, pmf.Count).Select(i => i * pmf.Interval)];
        double high = Chernoff(pmf, losses, times, Math.Log(2 / tailMass), 1);
        double low = Chernoff(pmf, losses, times, Math.Log(2 / tailMass), -1);
        long first = Math.Clamp((long)Math.Floor(low / pmf.Interval), 0, most);
        return (first, Math.Clamp((long)Math.Ceiling(high / pmf.Interval), first, most)); // without finite mass the bounds cross
    }

    // The least upper (side 1) or largest lower (side -1) bound over t of (T ln E[e^(side t L)] + ln(2/tail)) / t: convex in 1/t, so by golden section.
    private static double Chernoff(LossPmf pmf, double[] losses, long times, double logInverseTail, int side)
    {
        double golden = (Math.Sqrt(5) - 1) / 2;
        (double from, double to) = (Math.Log(1e-4), Math.Log(1e5));
        double best = double.PositiveInfinity;
        double Bound(double logRate)
        {
            double rate = Math.Exp(logRate);
            double bound = ((times * LogMoment(pmf, losses, side * rate)) + logInverseTail) / rate;
            best = Math.Min(best, bound);
            return bound;
        }

        (double a, double b) = (to - (golden * (to - from)), from + (golden * (to - from)));
        (double atA, double atB) = (Bound(a), Bound(b));
        for (int i = 0; i < 20; i++)
        {
            if (atA < atB)
            {
                (to, b, atB) = (b, a, atA);
                a = to - (golden * (to - from));
                atA = Bound(a);
            }
            else
            {
                (from, a, atA) = (a, b, atB);
                b = from + (golden * (to - from));
                atB = Bound(b);
            }
        }

        return side * best;
    }

    // ln E[e^(rate L)] over the finite losses, relative to the outermost loss that has mass, so that it never vanishes.
    private static double LogMoment(LossPmf pmf, double[] losses, double rate)
    {
        int outermost = rate > 0 ? losses.Length - 1 : 0;
        while (!(pmf.Masses[outermost] > 0))
        {
            outermost -= Math.Sign(rate);
            if (outermost < 0 || outermost >= losses.Length)
            {
                return double.NegativeInfinity;
            }
        }

        double peak = rate * losses[outermost];
        double sum = 0;
        for (int i = 0; i < losses.Length; i++)
        {
            double exponent = (rate * losses[i]) - peak;
            if (exponent > -745)
            {
                sum += Math.Max(0, pmf.Masses[i]) * Math.Exp(exponent);
            }
        }

        return peak + Math.Log(sum);
    }
}
