// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Cli.Privacy;

/// <summary>The figures of a mechanism: which accountant answers for which mechanism is decided here and nowhere else (privacy, sections 3, 4 and 6.2).</summary>
internal sealed record PrivacyFigures
{
    /// <summary>Standard deviation (laplace: scale) over sensitivity.</summary>
    public required double Noise { get; init; }

    /// <summary>The epsilon to report: an upper bound, exact for <c>gaussian</c>.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Where <see cref="Epsilon"/> comes from, in words.</summary>
    public required string Accountant { get; init; }

    /// <summary>A lower bound on the true epsilon; null where the accountant gives none.</summary>
    public double? Lower { get; init; }

    /// <summary>The epsilon from Rényi divergences and its order; null where no curve is accounted.</summary>
    public RdpEpsilon? Rdp { get; init; }

    /// <summary>The smallest eps_max at which an unused ledger with the same delta admits the job; null where no curve is accounted or no order has a bound.</summary>
    public decimal? Ledger { get; init; }

    /// <summary>The L2 sensitivity after rounding, grid units; for distributed noise.</summary>
    public double? RoundedL2 { get; init; }

    /// <summary>The standard deviation of one noise share, grid units; for distributed noise.</summary>
    public double? ShareDeviation { get; init; }

    /// <summary>The figures at a noise multiplier.</summary>
    /// <param name="question">The mechanism and its parameters.</param>
    /// <param name="noise">Standard deviation (laplace: scale) over sensitivity.</param>
    /// <exception cref="FedCloudException">An option does not fit, a number is out of bounds, or no accountant has a finite answer.</exception>
    public static PrivacyFigures Of(PrivacyQuestion question, double noise)
    {
        question.Checked();
        return question.Mechanism.Name switch
        {
            "dp-sgd" => DpSgd(question, noise),
            "gaussian" => Gaussian(question, noise),
            "discrete-gaussian" or "skellam" => Distributed(question, noise),
            "laplace" => OfLosses(question, noise, options => Laplace(noise, question.SamplingRate ?? 1, options)),
            "gaussian-mixture" => Mixture(question, noise),
            _ => OfLosses(question, noise, options => PrivacyLossDistribution.TruncatedSampling(question.Records ?? 0, question.SamplingRate ?? 0, question.LargestBatch ?? 0, noise, options)),
        };
    }

    /// <summary>The smallest noise multiplier, rounded up to 1e-6, whose epsilon is at or below a target.</summary>
    /// <param name="question">The mechanism and its parameters.</param>
    /// <param name="target">The target epsilon, above 0.</param>
    /// <returns>A noise multiplier; 1e-3 less is not enough.</returns>
    public static double NoiseFor(PrivacyQuestion question, double target)
    {
        question.Checked();
        double found = question.Mechanism.Name switch
        {
            "dp-sgd" => DpSgdAccountant.NoiseMultiplier(target, question.SamplingRate ?? 0, question.Steps, question.Delta),
            "gaussian" => ExactGaussian.NoiseMultiplier(target, question.Delta, FullParticipation(question).Steps),
            _ => NoiseCalibration.Find(target, z => Curve(FullParticipation(question), z, RdpOrders.Distributed).Epsilon(question.Delta).Epsilon),
        };
        return Math.Max(found, Math.Ceiling(found * 1e6) / 1e6);
    }

    private static PrivacyFigures DpSgd(PrivacyQuestion question, double noise)
    {
        (double rate, long steps, double delta) = (question.SamplingRate ?? 0, question.Steps, question.Delta);
        return new PrivacyFigures
        {
            Noise = noise,
            Epsilon = DpSgdAccountant.Epsilon(noise, rate, steps, delta),
            Accountant = "PLD, upper bound",
            Lower = DpSgdAccountant.LowerEpsilon(noise, rate, steps, delta),
            Rdp = DpSgdAccountant.RdpEpsilon(noise, rate, steps, delta),
            Ledger = LedgerLimit(DpSgdAccountant.Rdp(RdpOrders.Ledger, noise, rate, steps), delta),
        };
    }

    private static PrivacyFigures Gaussian(PrivacyQuestion question, double noise)
    {
        (long steps, double delta) = (FullParticipation(question).Steps, question.Delta);
        RdpCurve On(ImmutableArray<double> orders) => RdpCurve.Of(orders, RdpMechanisms.Gaussian(noise)).Times(steps);
        return new PrivacyFigures
        {
            Noise = noise,
            Epsilon = Finite(ExactGaussian.Epsilon(noise, steps, delta), "exact"),
            Accountant = "exact",
            Rdp = Finite(On(RdpOrders.Job).Epsilon(delta)),
            Ledger = LedgerLimit(On(RdpOrders.Ledger), delta),
        };
    }

    private static PrivacyFigures Distributed(PrivacyQuestion question, double noise)
    {
        NoiseSharePlan shares = Shares(FullParticipation(question), noise);
        RdpEpsilon found = Finite(Curve(question, noise, RdpOrders.Distributed).Epsilon(question.Delta));
        return new PrivacyFigures
        {
            Noise = noise,
            Epsilon = found.Epsilon,
            Accountant = Order(found),
            Rdp = found,
            Ledger = LedgerLimit(Curve(question, noise, RdpOrders.Ledger), question.Delta),
            RoundedL2 = Sensitivity(question),
            ShareDeviation = shares.LocalSigma,
        };
    }

    private static PrivacyFigures Mixture(PrivacyQuestion question, double noise)
    {
        GaussianMixturePair pair = new(noise, MixtureText.Parse(question.Components ?? string.Empty), [new GaussianComponent(0, 1)]);
        return OfLosses(question, noise, options => PrivacyLossDistribution.OfPair(pair, options));
    }

    private static PrivacyFigures OfLosses(PrivacyQuestion question, double noise, Func<PldOptions, PrivacyLossDistribution> step) => new()
    {
        Noise = noise,
        Epsilon = Finite(step(PldOptions.Report).SelfCompose(question.Steps).Epsilon(question.Delta), "PLD"),
        Accountant = "PLD, upper bound",
        Lower = Finite(step(PldOptions.Optimistic).SelfCompose(question.Steps).Epsilon(question.Delta), "optimistic PLD"),
    };

    private static PrivacyLossDistribution Laplace(double noise, double rate, PldOptions options) =>
        PrivacyLossDistribution.OfPair(new PoissonSampledPair(new LaplacePair(noise), rate), options);

    private static RdpCurve Curve(PrivacyQuestion question, double noise, ImmutableArray<double> orders)
    {
        NoiseSharePlan shares = Shares(question, noise);
        (double l2, long coordinates) = (Sensitivity(question), question.Coordinates ?? 0);
        Func<double, double> bound = question.Mechanism == NoiseMechanism.Skellam
            ? DistributedNoise.Skellam(shares.SumSigma, l2, coordinates)
            : DistributedNoise.DiscreteGaussian(shares.LocalSigma, question.Shares ?? 1, l2, coordinates);
        return RdpCurve.Of(orders, bound).Times(question.Steps);
    }

    private static NoiseSharePlan Shares(PrivacyQuestion question, double noise) => new(noise, Sensitivity(question), question.Shares ?? 1);

    private static double Sensitivity(PrivacyQuestion question) => DistributedNoise.RoundedL2(question.L2 ?? 0, question.Coordinates ?? 0);

    // What is not amplified counts at rate 1; for Gaussian noise there is another mechanism to name.
    private static PrivacyQuestion FullParticipation(PrivacyQuestion question)
    {
        double rate = question.SamplingRate ?? 1;
        if (!question.Mechanism.Distributed && rate is > 0 and < 1)
        {
            throw new FedCloudException(ErrorCodes.SamplerNotAccounted, string.Create(CultureInfo.InvariantCulture, $"the sampling rate of --mechanism gaussian must be 1, found {rate:R}"), "use --mechanism dp-sgd for Poisson sampling, or leave --sampling-rate out");
        }

        DistributedNoise.RequireFullParticipation(rate);
        return question;
    }

    private static decimal? LedgerLimit(RdpCurve curve, double delta) =>
        LedgerFilter.RequiredEpsilon(LedgerRdp.Of(curve), delta) is { } limit ? Math.Max(0, limit) : null;

    private static string Order(RdpEpsilon found) => string.Create(CultureInfo.InvariantCulture, $"RDP, order {found.Order:R}");

    private static RdpEpsilon Finite(RdpEpsilon found)
    {
        Finite(found.Epsilon, "RDP");
        return found;
    }

    private static double Finite(double epsilon, string accountant) => double.IsFinite(epsilon)
        ? epsilon
        : throw new FedCloudException(ErrorCodes.AccountantNotFinite, string.Create(CultureInfo.InvariantCulture, $"the epsilon of the {accountant} accountant must be a finite number, found {epsilon:R}"));
}
