// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Privacy;

/// <summary>Privacy losses of mechanisms with finitely many outputs, brought onto a grid.</summary>
internal static class LossAtoms
{
    private const double OnGridTolerance = 1e-9; // of an interval: a loss this near a grid point is meant to be on it

    internal static LossPmf OnGrid(ImmutableArray<LossAtom> atoms, double infiniteMass, PldOptions options)
    {
        bool pessimistic = options.Rounding is LossRounding.ConnectTheDots or LossRounding.Up;
        SortedDictionary<long, double> points = [];
        foreach (LossAtom atom in atoms.Where(atom => atom.Mass > 0))
        {
            double place = atom.Loss / options.Interval;
            double rounded = Math.Round(place);
            bool exact = Math.Abs(place - rounded) <= OnGridTolerance * Math.Max(1, Math.Abs(place));
            long index = (long)(exact ? rounded : pessimistic ? Math.Ceiling(place) : Math.Floor(place));
            points[index] = points.GetValueOrDefault(index) + atom.Mass;
        }

        long lowest = points.Count > 0 ? points.Keys.First() : 0;
        double[] masses = new double[points.Count > 0 ? points.Keys.Last() - lowest + 1 : 1];
        foreach ((long index, double mass) in points)
        {
            masses[index - lowest] = mass;
        }

        return new LossPmf(options.Interval, pessimistic, lowest, masses, infiniteMass);
    }

    // P = (1-q) D + q (D + sensitivity) against Q = D, or the two exchanged; D is the discrete Gaussian on |x| <= cut.
    internal static (ImmutableArray<LossAtom> Atoms, double InfiniteMass) CutDiscreteGaussian(double sigma, int sensitivity, int cut, double q, bool removed)
    {
        PrivacyArguments.Noise(sigma, "sigma");
        PrivacyArguments.Count(sensitivity, "the sensitivity", 1, 1_000_000);
        PrivacyArguments.Count(cut, "the largest noise", 1, 1_000_000);
        double[] noise = [.. Enumerable.Range(-cut, (2 * cut) + 1).Select(x => Math.Exp(-((double)x * x) / (2 * sigma * sigma)))];
        double sum = noise.Sum();
        double Noise(int x) => Math.Abs(x) <= cut ? noise[x + cut] / sum : 0;
        ImmutableArray<LossAtom>.Builder atoms = ImmutableArray.CreateBuilder<LossAtom>();
        double infinite = 0;
        for (int x = -cut; x <= cut + sensitivity; x++)
        {
            double mixed = ((1 - q) * Noise(x)) + (q * Noise(x - sensitivity));
            (double p, double other) = removed ? (mixed, Noise(x)) : (Noise(x), mixed);
            if (p > 0 && other > 0)
            {
                atoms.Add(new LossAtom(Math.Log(p / other), p));
            }
            else
            {
                infinite += p;
            }
        }

        return (atoms.ToImmutable(), infinite);
    }
}
