// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

/// <summary>Parameters that have no meaning are refused with a code and one clear line, never answered with a number.</summary>
public sealed class BadInputTests
{
    private static readonly double[] NotPositive = [0, -1, double.NaN, double.PositiveInfinity, double.NegativeInfinity, 1e300];
    private static readonly double[] NotARate = [0, -0.1, 1.0000001, 2, double.NaN, double.PositiveInfinity];
    private static readonly double[] NotADelta = [0, 1, -1e-5, 1.5, double.NaN, double.NegativeInfinity];
    private static readonly double[] NotAnEpsilon = [-1e-9, double.NaN, double.PositiveInfinity, 1e7];
    private static readonly long[] NotACount = [0, -1, long.MinValue, long.MaxValue];

    [Fact]
    public void Noise_NotPositive_IsRefused() => Refused(ErrorCodes.NoiseInvalid, NotPositive, [
        z => DpSgdAccountant.Epsilon(z, 0.1, 10, 1e-5),
        z => DpSgdAccountant.LowerEpsilon(z, 0.1, 10, 1e-5),
        z => DpSgdAccountant.RdpEpsilon(z, 0.1, 10, 1e-5),
        z => PrvAccountant.Epsilon(z, 0.1, 10, 1e-5),
        z => ExactGaussian.Epsilon(z, 1, 1e-5),
        z => ExactGaussian.Delta(z, 1, 1),
        z => SubsampledGaussianRdp.StepBySeries(RdpOrders.Job, z, 0.1),
        z => RdpMechanisms.Gaussian(z),
        z => RdpMechanisms.DiscreteGaussian(z, 1),
        z => RdpMechanisms.DiscreteGaussian(1, z),
        z => RdpMechanisms.SingleEpochTree(z, 1),
        z => DistributedNoise.RoundedL2(z, 10),
        z => DistributedNoise.L1(z, 10),
        z => DistributedNoise.DiscreteGaussian(z, 10, 1, 10),
        z => DistributedNoise.DiscreteGaussian(1, 10, z, 10),
        z => DistributedNoise.Skellam(z, 1, 10),
        z => new DiscreteGaussianLaw(z),
        z => new LaplacePair(z),
        z => new GaussianMixturePair(z, [new(1, 1)], [new(0, 1)]),
        z => new GridNoisePlan(z, 1, 10),
        z => new GridNoisePlan(1, z, 10),
    ]);

    [Fact]
    public void SamplingRate_NotAProbability_IsRefused() => Refused(ErrorCodes.SamplingRateInvalid, NotARate, [
        q => DpSgdAccountant.Epsilon(1, q, 10, 1e-5),
        q => DpSgdAccountant.RdpEpsilon(1, q, 10, 1e-5),
        q => DpSgdAccountant.NoiseMultiplier(1, q, 10, 1e-5),
        q => PrvAccountant.Epsilon(1, q, 10, 1e-5),
        q => SubsampledGaussianRdp.Step(RdpOrders.Job, 1, q),
        q => RdpMechanisms.PoissonSampled(RdpMechanisms.Gaussian(1), q),
        q => PrivacyLossDistribution.DiscreteGaussian(1, 1, 5, q, PldOptions.Report),
        q => PrivacyLossDistribution.TruncatedSampling(10, q, 5, 1, PldOptions.Report),
        q => Call(() => DistributedNoise.RequireFullParticipation(q)),
    ]);

    [Fact]
    public void Delta_NotAProbability_IsRefused() => Refused(ErrorCodes.DeltaInvalid, NotADelta, [
        delta => DpSgdAccountant.Epsilon(1, 0.1, 10, delta),
        delta => DpSgdAccountant.RdpEpsilon(1, 0.1, 10, delta),
        delta => DpSgdAccountant.NoiseMultiplier(1, 0.1, 10, delta),
        delta => Call(() => DpSgdAccountant.RequireDelta(delta, 100)),
        delta => PrvAccountant.Epsilon(1, 0.1, 10, delta),
        delta => PrvAccountant.Epsilon(1, 0.1, 10, 1e-5, 0.01, delta),
        delta => ExactGaussian.Epsilon(1, 1, delta),
        delta => ExactGaussian.NoiseMultiplier(1, delta, 1),
        delta => AdvancedComposition.Epsilon(1, 0.001, 10, delta),
        delta => PrivacyLossDistribution.DpSgdStep(1, 0.1, PldOptions.Report).Epsilon(delta),
        delta => LedgerFilter.RequiredEpsilon(LedgerRdp.Zero, delta),
        delta => MembershipBound.TruePositiveRate(PrivacyLossDistribution.DpSgdStep(1, 1, PldOptions.Report), delta),
    ]);

    [Fact]
    public void Epsilon_NotANumberInRange_IsRefused() => Refused(ErrorCodes.EpsilonInvalid, NotAnEpsilon, [
        epsilon => ExactGaussian.Delta(1, 1, epsilon),
        epsilon => ExactGaussian.NoiseMultiplier(epsilon, 1e-5, 1),
        epsilon => DpSgdAccountant.NoiseMultiplier(epsilon, 0.1, 10, 1e-5),
        epsilon => NoiseCalibration.Find(epsilon, z => 1 / z),
        epsilon => PrivacyLossDistribution.DpSgdStep(1, 0.1, PldOptions.Report).Delta(epsilon),
        epsilon => PrivacyLossDistribution.ApproximateDp(epsilon, 0, PldOptions.Report),
        epsilon => RdpCurve.Of(RdpOrders.Job, RdpMechanisms.Gaussian(1)).Delta(epsilon),
        epsilon => RdpMechanisms.ZeroConcentrated(epsilon),
        epsilon => RdpMechanisms.ZeroConcentratedDelta(1, epsilon),
        epsilon => RdpMechanisms.ZeroConcentratedDelta(epsilon, 1),
        epsilon => RdpMechanisms.Exponential(epsilon),
        epsilon => AdvancedComposition.Epsilon(epsilon, 0, 3, 1e-5),
        epsilon => new DiscreteGaussianLaw(1).Delta(epsilon, 1),
    ]);

    [Fact]
    public void Count_OutsideItsBounds_IsRefused()
    {
        using RandomBits bits = new(new OsRandomSource());
        Refused(ErrorCodes.CountInvalid, NotACount, [
            count => DpSgdAccountant.Epsilon(1, 0.1, count, 1e-5),
            count => DpSgdAccountant.RdpEpsilon(1, 0.1, count, 1e-5),
            count => DpSgdAccountant.NoiseMultiplier(1, 0.1, count, 1e-5),
            count => PrvAccountant.Epsilon(1, 0.1, count, 1e-5),
            count => ExactGaussian.Epsilon(1, count, 1e-5),
            count => ExactGaussian.NoiseMultiplier(1, 1e-5, count),
            count => PrivacyLossDistribution.DpSgdStep(1, 0.1, PldOptions.Report).SelfCompose(count),
            count => RdpMechanisms.SingleEpochTree(1, count),
            count => DistributedNoise.RoundedL2(1, count),
            count => DistributedNoise.L1(1, count),
            count => DistributedNoise.DiscreteGaussian(1, (int)Math.Clamp(count, int.MinValue, int.MaxValue), 1, 10),
            count => new GridNoisePlan(1, 1, count),
            count => new DiscreteLaplaceSampler(bits, count, 1),
            count => new DiscreteLaplaceSampler(bits, 1, count),
            count => new DiscreteGaussianSampler(bits, count),
            count => new RoundedGaussianSampler(bits, count),
            count => new PoissonSampler(bits, 1, count),
            count => new SkellamSampler(bits, 1, count),
        ]);
    }

    [Fact]
    public void Samplers_FractionsWithoutMeaning_AreRefused()
    {
        using RandomBits bits = new(new OsRandomSource());

        Refused(ErrorCodes.NoiseInvalid, new double[] { -1, 0 }, [
            sign => new DiscreteGaussianSampler(bits, (BigInteger)sign, 1),
            sign => new DiscreteGaussianSampler(bits, 1, (BigInteger)sign),
            sign => new SkellamSampler(bits, (BigInteger)sign, 1),
            sign => new PoissonSampler(bits, (BigInteger)sign - 1, 1),
            sign => new PoissonSampler(bits, BigInteger.Pow(2, 50) + (BigInteger)sign, 1),
        ]);
        Assert.Throws<ArgumentException>(() => new AesCtrRandomSource(new byte[31]));
    }

    [Fact]
    public void Options_OutsideTheirBounds_AreRefused()
    {
        Refused(ErrorCodes.NoiseInvalid, [0, -1, 1e-9, 100, double.NaN], [interval => PrivacyLossDistribution.DpSgdStep(1, 0.1, new PldOptions { Interval = interval })]);
        Refused(ErrorCodes.DeltaInvalid, [0, -1, 0.5, double.NaN], [
            mass => PrivacyLossDistribution.DpSgdStep(1, 0.1, new PldOptions { TailMass = mass }),
            mass => PrivacyLossDistribution.DpSgdStep(1, 0.1, new PldOptions { CompositionTail = mass }),
        ]);
        Refused(ErrorCodes.DeltaInvalid, [-0.1, 1, double.NaN], [
            delta => AdvancedComposition.Epsilon(1, delta, 3, 0.5),
            delta => PrivacyLossDistribution.ApproximateDp(1, delta, PldOptions.Report),
            delta => DistributedNoise.RoundedL2(1, 1, delta),
        ]);
        Refused(ErrorCodes.OrderInvalid, [0.99, -1, double.NaN], [order => RdpCurve.Of([order], _ => 1)]);
        Refused(ErrorCodes.AccountantNotFinite, [-1, double.NaN], [value => RdpCurve.Of([2], _ => value)]);
        Refused(ErrorCodes.NoiseInvalid, new double[] { 0 }, [_ => new GaussianMixturePair(1, [new(1, 0.4)], [new(0, 1)]), _ => new GaussianMixturePair(1, [new(-1, 1)], [new(0, 1)])]);
    }

    [Fact]
    public void Compose_OtherGridOrDirection_IsRefused()
    {
        PrivacyLossDistribution report = PrivacyLossDistribution.DpSgdStep(1, 0.1, PldOptions.Report);
        PrivacyLossDistribution coarse = PrivacyLossDistribution.DpSgdStep(1, 0.1, new PldOptions { Interval = 1e-3 });
        PrivacyLossDistribution lower = PrivacyLossDistribution.DpSgdStep(1, 0.1, PldOptions.Optimistic);
        RdpCurve job = RdpCurve.Of(RdpOrders.Job, RdpMechanisms.Gaussian(1));
        RdpCurve ledger = RdpCurve.Of(RdpOrders.Ledger, RdpMechanisms.Gaussian(1));

        Assert.Equal(ErrorCodes.PrivacyLossMismatch, Assert.Throws<FedCloudException>(() => report.Compose(coarse)).Code);
        Assert.Equal(ErrorCodes.PrivacyLossMismatch, Assert.Throws<FedCloudException>(() => report.Compose(lower)).Code);
        Assert.Equal(ErrorCodes.OrderInvalid, Assert.Throws<FedCloudException>(() => job.Plus(ledger)).Code);
    }

    [Fact]
    public void Delta_AboveTheClaimsBound_IsRefused()
    {
        DpSgdAccountant.RequireDelta(1e-5, 10_000);

        FedCloudException error = Assert.Throws<FedCloudException>(() => DpSgdAccountant.RequireDelta(1.0000001e-5, 10_000));

        Assert.Equal(ErrorCodes.DeltaTooLarge, error.Code);
        Assert.DoesNotContain("10000", error.Message, StringComparison.Ordinal); // N stays in the silo
    }

    [Fact]
    public void DistributedNoise_Sampled_IsRefused()
    {
        DistributedNoise.RequireFullParticipation(1);

        Assert.Equal(ErrorCodes.SamplerNotAccounted, Assert.Throws<FedCloudException>(() => DistributedNoise.RequireFullParticipation(0.5)).Code);
    }

    [Fact]
    public void Epsilon_NotFinite_StopsTheJob()
    {
        Assert.Equal(ErrorCodes.AccountantNotFinite, Assert.Throws<FedCloudException>(() => DpSgdAccountant.Epsilon(1, 1, 1, 1e-200)).Code);
        Assert.Equal(ErrorCodes.AccountantNotFinite, Assert.Throws<FedCloudException>(() => DpSgdAccountant.RdpEpsilon(1e-160, 0.5, 1, 1e-5)).Code);
        Assert.Equal(ErrorCodes.AccountantNotFinite, Assert.Throws<FedCloudException>(() => AdvancedComposition.Epsilon(1, 0.2, 30, 0.01)).Code);
        Assert.Equal(double.PositiveInfinity, RdpCurve.Of([2, 3], _ => double.PositiveInfinity).Epsilon(1e-5).Epsilon);
    }

    [Fact]
    public void Calibration_TargetOutOfReach_IsRefused()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => NoiseCalibration.Find(1, _ => 2));

        Assert.Equal(ErrorCodes.EpsilonUnreachable, error.Code);
        Assert.Equal("epsilon_unreachable: epsilon must be at most 1 at some noise multiplier up to 1000000, found 2 at 655360. Next: " + ErrorCodes.EpsilonUnreachable.NextStep + ".", error.Message);
        Assert.Equal(ErrorCodes.EpsilonUnreachable, Assert.Throws<FedCloudException>(() => NoiseCalibration.Find(1, _ => double.NaN)).Code);
    }

    [Fact]
    public void Calibration_LowEndTooHigh_GoesDown()
    {
        double found = NoiseCalibration.Find(10, z => 1 / z, new NoiseSearch { Low = 5, High = 8, Width = 1e-9 });

        PrivacyVectors.Close(0.1, found, 1e-8);
    }

    private static object Call(Action call)
    {
        call();
        return call;
    }

    private static void Refused(ErrorCode code, double[] values, Func<double, object?>[] calls) =>
        Assert.All(values.SelectMany(value => calls.Select((call, i) => (value, call, i))), given =>
        {
            FedCloudException error = Assert.Throws<FedCloudException>(() => given.call(given.value));
            Assert.True(code == error.Code, $"call {given.i} with {given.value}: {error.Message}");
        });

    private static void Refused(ErrorCode code, long[] values, Func<long, object?>[] calls) =>
        Assert.All(values.SelectMany(value => calls.Select((call, i) => (value, call, i))), given =>
        {
            FedCloudException error = Assert.Throws<FedCloudException>(() => given.call(given.value));
            Assert.True(code == error.Code, $"call {given.i} with {given.value}: {error.Message}");
        });
}
