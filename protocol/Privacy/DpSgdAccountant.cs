// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>The epsilon of a job of DP-SGD (claim A): Poisson sampling, Gaussian noise, a record added or removed (privacy, sections 2 and 3).</summary>
/// <remarks>
/// Noise multipliers are effective ones: with noise on a grid, <see cref="GridNoisePlan.EffectiveNoiseMultiplier"/>. Steps are the
/// reserved maximum (rule P8). An epsilon that is not finite throws <c>accountant_not_finite</c>, which stops the job.
/// </remarks>
public static class DpSgdAccountant
{
    /// <summary>The version of the accountants, part of every report and ledger entry (rules P1 and L13).</summary>
    public const string Version = "fedcloud-1";

    /// <summary>The reported epsilon: the upper bound from the privacy loss distribution.</summary>
    /// <param name="noiseMultiplier">Effective standard deviation over clip norm.</param>
    /// <param name="samplingRate">The probability of each record to enter a step.</param>
    /// <param name="steps">The reserved maximum number of steps.</param>
    /// <param name="delta">Delta, between 0 and 1.</param>
    public static double Epsilon(double noiseMultiplier, double samplingRate, long steps, double delta) =>
        PrivacyArguments.Finite(PldEpsilon(noiseMultiplier, samplingRate, steps, delta, PldOptions.Report), "PLD");

    /// <summary>A lower bound on the true epsilon, to judge the upper bound by.</summary>
    /// <remarks>Within about 1e-3 of it for common jobs; loose, down to 0, where the loss of one step is not much above the interval of 1e-4.</remarks>
    /// <param name="noiseMultiplier">Effective standard deviation over clip norm.</param>
    /// <param name="samplingRate">The probability of each record to enter a step.</param>
    /// <param name="steps">The reserved maximum number of steps.</param>
    /// <param name="delta">Delta, between 0 and 1.</param>
    public static double LowerEpsilon(double noiseMultiplier, double samplingRate, long steps, double delta) =>
        PrivacyArguments.Finite(PldEpsilon(noiseMultiplier, samplingRate, steps, delta, PldOptions.Optimistic), "optimistic PLD");

    /// <summary>The RDP curve of the job on a grid of orders.</summary>
    /// <param name="orders">The orders; <see cref="RdpOrders.Job"/> for a report, <see cref="RdpOrders.Ledger"/> for the ledger.</param>
    /// <param name="noiseMultiplier">Effective standard deviation over clip norm.</param>
    /// <param name="samplingRate">The probability of each record to enter a step.</param>
    /// <param name="steps">The number of steps.</param>
    public static RdpCurve Rdp(ImmutableArray<double> orders, double noiseMultiplier, double samplingRate, long steps) =>
        SubsampledGaussianRdp.Step(orders, noiseMultiplier, samplingRate).Times(steps);

    /// <summary>The epsilon from RDP on the job's grid: the cross-check beside the reported one, and never below it but for rounding.</summary>
    /// <param name="noiseMultiplier">Effective standard deviation over clip norm.</param>
    /// <param name="samplingRate">The probability of each record to enter a step.</param>
    /// <param name="steps">The reserved maximum number of steps.</param>
    /// <param name="delta">Delta, between 0 and 1.</param>
    public static RdpEpsilon RdpEpsilon(double noiseMultiplier, double samplingRate, long steps, double delta)
    {
        RdpEpsilon found = Rdp(RdpOrders.Job, noiseMultiplier, samplingRate, steps).Epsilon(delta);
        PrivacyArguments.Finite(found.Epsilon, "RDP");
        return found;
    }

    /// <summary>The smallest noise multiplier whose reported epsilon is at or below a target; 1e-3 less is above it.</summary>
    /// <param name="targetEpsilon">The plan's epsilon.</param>
    /// <param name="samplingRate">The probability of each record to enter a step.</param>
    /// <param name="steps">The reserved maximum number of steps.</param>
    /// <param name="delta">Delta, between 0 and 1.</param>
    public static double NoiseMultiplier(double targetEpsilon, double samplingRate, long steps, double delta)
    {
        double safe = NoiseCalibration.Find(targetEpsilon, z => Rdp(RdpOrders.Job, z, samplingRate, steps).Epsilon(delta).Epsilon);
        NoiseSearch search = new() { Low = 0.9 * safe, High = safe };
        return NoiseCalibration.Find(targetEpsilon, z => PldEpsilon(z, samplingRate, steps, delta, PldOptions.Report), search);
    }

    /// <summary>Refuses a delta above 1/(10 N) (rule P6). Called in the silo, which alone knows N.</summary>
    /// <param name="delta">The plan's delta.</param>
    /// <param name="declaredRecords">N, the declared number of records.</param>
    public static void RequireDelta(double delta, long declaredRecords)
    {
        PrivacyArguments.Delta(delta);
        double bound = 1 / (10.0 * PrivacyArguments.Count(declaredRecords, "the declared number of records", 1, long.MaxValue));
        if (delta > bound)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.DeltaTooLarge, "delta", "at most 1/(10 N) of the declared records", PrivacyArguments.Text(delta));
        }
    }

    private static double PldEpsilon(double noiseMultiplier, double samplingRate, long steps, double delta, PldOptions options)
    {
        PrivacyArguments.Count(steps, "the number of steps");
        PrivacyArguments.Delta(delta);
        return PrivacyLossDistribution.DpSgdStep(noiseMultiplier, samplingRate, options).SelfCompose(steps).Epsilon(delta);
    }
}
