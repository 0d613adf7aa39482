// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>Bounds on the epsilon of DP-SGD by privacy loss random variables: an independent check of the reported one.</summary>
/// <remarks>
/// Gopi, Lee and Wutschitz 2021, "Numerical composition of differential privacy", Algorithms 1 and 2 with Theorem 5.5: losses
/// round to the middle of their cell, the grid is shifted so that the mean is kept, and with mesh
/// eps_error / sqrt(T ln(12/delta_error) / 2) the true epsilon lies within eps_error of the estimate. One direction, a record
/// removed. We compose on a circle whose truncated mass is below 1e-15 in place of the paper's domain.
/// </remarks>
public static class PrvAccountant
{
    private const double NoiseTail = 1e-20;

    /// <summary>Lower bound, estimate and upper bound of epsilon.</summary>
    /// <param name="noiseMultiplier">Standard deviation over clip norm.</param>
    /// <param name="samplingRate">The probability of each record to enter a step.</param>
    /// <param name="steps">The number of steps.</param>
    /// <param name="delta">Delta, between 0 and 1.</param>
    /// <param name="epsilonError">The error allowed in epsilon; default 0.01.</param>
    /// <param name="deltaError">The error allowed in delta; default delta / 1000.</param>
    public static PrvEpsilon Epsilon(double noiseMultiplier, double samplingRate, long steps, double delta, double epsilonError = 0.01, double? deltaError = null)
    {
        PrivacyArguments.Count(steps, "the number of steps");
        PrivacyArguments.TargetEpsilon(epsilonError);
        double error = PrivacyArguments.Delta(deltaError ?? (PrivacyArguments.Delta(delta) / 1000));
        if (error >= delta)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.DeltaInvalid, "the error of delta", "below delta", PrivacyArguments.Text(error));
        }

        double mesh = epsilonError / Math.Sqrt(steps * Math.Log(12 / error) / 2);
        PoissonSampledPair pair = new(new GaussianPair(noiseMultiplier), samplingRate);
        LossPmf step = Middles(pair, mesh);
        double shift = Mean(noiseMultiplier, samplingRate) - Mean(step);
        LossPmf composed = step.SelfCompose(steps, 1e-15);
        double Find(double target) => Math.Max(0, composed.Epsilon(target, -Math.Abs(steps * shift) - 1) + (steps * shift));
        return new PrvEpsilon(Math.Max(0, Find(delta + error) - epsilonError), Find(delta), Find(delta - error) + epsilonError);
    }

    private static LossPmf Middles(PoissonSampledPair pair, double mesh)
    {
        (double low, double high) = pair.Range(NoiseTail);
        long lowest = (long)Math.Floor(low / mesh) - 1;
        long count = (long)Math.Ceiling(high / mesh) + 2 - lowest;
        PrivacyArguments.Count(count, "the number of cells of one step's privacy loss", 1, 1 << 24);
        double[] masses = new double[count];
        TailMasses tails = pair.At((lowest - 0.5) * mesh);
        for (int i = 0; i < masses.Length; i++)
        {
            TailMasses next = pair.At((lowest + i + 0.5) * mesh);
            masses[i] = tails.Until(next).P;
            tails = next;
        }

        return new LossPmf(mesh, pessimistic: true, lowest, masses, 0);
    }

    private static double Mean(LossPmf pmf)
    {
        double sum = 0;
        for (int i = 0; i < pmf.Count; i++)
        {
            sum += pmf.Masses[i] * pmf.Loss(i);
        }

        return sum;
    }

    // E[ln(1 - q + q e^((2x-1)/(2 z^2)))] with x from the mixture, by the trapezoidal rule in x / z.
    private static double Mean(double z, double q)
    {
        double step = Math.Min(0.25, Math.PI * z / 20);
        double sum = 0;
        for (double y = -14; y <= 14 + (1 / z); y += step)
        {
            double ratio = (y / z) - (1 / (2 * z * z));
            double loss = ratio > 700 ? ratio + Math.Log(q) : NearOne.LogOnePlus(q * NearOne.ExpMinusOne(ratio));
            sum += loss * (((1 - q) * Math.Exp(NormalTail.LogDensity(y))) + (q * Math.Exp(NormalTail.LogDensity(y - (1 / z)))));
        }

        return sum * step;
    }
}
