// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>Brings the privacy loss of a dominating pair onto a grid, as an upper or a lower bound.</summary>
internal static class LossDiscretisation
{
    private const double MaxLoss = 700; // e^700 is still a number
    private const int MaxCells = 1 << 24;

    internal static LossPmf Discretise(DominatingPair pair, PldOptions options)
    {
        (double low, double high) = pair.Range(options.TailMass);
        double h = options.Interval;
        double lowestPlace = Math.Clamp(low, -MaxLoss, MaxLoss) / h;
        long lowest = (long)(options.Rounding == LossRounding.Up ? Math.Ceiling(lowestPlace) : Math.Floor(lowestPlace));
        long highest = (long)Math.Ceiling(Math.Clamp(high, -MaxLoss, MaxLoss) / h);
        if (double.IsNaN(low) || double.IsNaN(high) || highest - lowest >= MaxCells)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.AccountantNotFinite, "the range of one step's privacy loss", $"at most {MaxCells} intervals wide", $"{PrivacyArguments.Text(low)} to {PrivacyArguments.Text(high)}");
        }

        return options.Rounding == LossRounding.Merge
            ? Merge(pair, h, lowest, (int)(highest - lowest + 1))
            : Round(pair, options, lowest, (int)(highest - lowest + 1), high);
    }

    private static LossPmf Round(DominatingPair pair, PldOptions options, long lowest, int count, double high)
    {
        (double h, LossRounding rounding) = (options.Interval, options.Rounding);
        double[] masses = new double[count];
        TailMasses tails = pair.At(lowest * h);
        masses[0] = rounding == LossRounding.Down ? 0 : tails.BelowP; // below the grid: up to its first point, or to no loss at all
        for (int i = 0; i + 1 < count; i++)
        {
            double upperLoss = (lowest + i + 1) * h;
            TailMasses next = pair.At(rounding == LossRounding.Up ? Math.Min(upperLoss, high) : upperLoss);
            (double p, double q) = tails.Until(next);
            double down = rounding switch
            {
                LossRounding.Up => 0,
                LossRounding.Down => p,
                _ => LowerShare(p, q, upperLoss, h),
            };
            masses[i] += down;
            masses[i + 1] += p - down;
            tails = next;
        }

        // Above the grid: connected to infinity, rounded to it, or down to the last point.
        double kept = rounding switch
        {
            LossRounding.Up => 0,
            LossRounding.Down => tails.AboveP,
            _ => Math.Clamp(tails.AboveQ * Math.Exp((lowest + count - 1) * h), 0, tails.AboveP),
        };
        masses[count - 1] += kept;
        return new LossPmf(h, rounding != LossRounding.Down, lowest, masses, tails.AboveP - kept);
    }

    // Doroshenko et al. 2022, section 3: a at e and b at e + h with a + b = P and a e^-e + b e^-(e+h) = Q.
    private static double LowerShare(double p, double q, double upperLoss, double h) =>
        Math.Clamp(((q * Math.Exp(upperLoss)) - p) / NearOne.ExpMinusOne(h), 0, Math.Max(p, 0));

    // Merging a cell into one loss ln(P/Q) is post-processing; rounding it down lowers delta further. Both keep a lower bound.
    private static LossPmf Merge(DominatingPair pair, double h, long lowest, int count)
    {
        double[] edges = [.. Enumerable.Range(0, count + 1).Select(i => (lowest + i - 0.5) * h)];
        double[] centres = [.. Cells(pair, edges).Select((cell, i) => cell.P > 0 && cell.Q > 0 ? Math.Log(cell.P / cell.Q) - ((lowest + i) * h) : 0)];
        for (int i = 0; i <= count; i++)
        {
            double left = i > 0 ? -centres[i - 1] : 0;
            double right = i < count ? -centres[i] : 0;
            edges[i] += Math.Min((1.1 * Math.Max(0, Math.Max(left, right))) + (1e-3 * h * h), h / 2);
        }

        double[] masses = new double[count];
        int index = 0;
        foreach ((double p, double q) in Cells(pair, edges))
        {
            double loss = p > 0 && q > 0 ? Math.Log(p / q) : edges[index];
            long k = Math.Min((long)Math.Floor(loss / h), lowest + count - 1) - lowest;
            if (k >= 0)
            {
                masses[k] += Math.Max(0, p);
            }

            index++;
        }

        masses[count - 1] += pair.At(edges[count]).AboveP; // these losses are above the last grid point
        return new LossPmf(h, false, lowest, masses, 0);
    }

    private static IEnumerable<(double P, double Q)> Cells(DominatingPair pair, double[] edges)
    {
        TailMasses tails = pair.At(edges[0]);
        for (int i = 1; i < edges.Length; i++)
        {
            TailMasses next = pair.At(edges[i]);
            yield return tails.Until(next);
            tails = next;
        }
    }
}
