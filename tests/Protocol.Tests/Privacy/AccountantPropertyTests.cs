// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Privacy;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

/// <summary>What holds of every accountant for all parameters.</summary>
public sealed class AccountantPropertyTests
{
    private const double Slack = 1e-9; // rounding, relative

    // Losses on a coarser grid than a report's, so that a hundred cases run in seconds; every bound holds on any grid.
    private static readonly PldOptions Upper = new() { Interval = 1e-3 };
    private static readonly PldOptions Lower = Upper with { Rounding = LossRounding.Merge };

    private static readonly Arbitrary<Job> Jobs = (
        from z in Gen.Choose(60, 400)
        from q in Gen.Frequency((4, Gen.Choose(1, 500)), (1, Gen.Choose(501, 999)), (1, Gen.Constant(1000)))
        from steps in Gen.Choose(1, 400)
        from delta in Gen.Choose(3, 9)
        select new Job(z / 100.0, q / 1000.0, steps, Math.Pow(10, -delta))).ToArbitrary();

    [Fact]
    public void Epsilon_MoreNoise_NeverRises() => ForAll(job => Falls(job, job with { Z = job.Z * 1.1 }));

    [Fact]
    public void Epsilon_MoreSteps_NeverFalls() => ForAll(job => Falls(job with { Steps = job.Steps + 1 + (job.Steps / 4) }, job));

    [Fact]
    public void Epsilon_HigherRate_NeverFalls() => ForAll(job => Falls(job with { Q = Math.Min(1, job.Q * 1.2) }, job));

    [Fact]
    public void Epsilon_SmallerDelta_NeverFalls() => ForAll(job => Falls(job with { Delta = job.Delta / 3 }, job));

    [Fact]
    public void Epsilon_LowerBound_IsNeverAboveTheUpperBoundOrRdp() => ForAll(job =>
    {
        double lower = Pld(job, Lower);

        return lower <= Pld(job, Upper) + Slack && lower <= Rdp(job) + Slack;
    });

    [Fact]
    public void Epsilon_Directions_OfRounding_AreOrdered() => ForAll(job =>
    {
        double down = Pld(job, Upper with { Rounding = LossRounding.Down });
        double up = Pld(job, Upper with { Rounding = LossRounding.Up });
        double connected = Pld(job, Upper);

        return down <= connected + Slack && connected <= up + Slack;
    });

    [Fact]
    public void Epsilon_WithoutSampling_EnclosesTheExactValue() => ForAll(job =>
    {
        Job full = job with { Q = 1 };
        double exact = ExactGaussian.Epsilon(job.Z, job.Steps, job.Delta);

        return Pld(full, Lower) <= exact + Slack && Pld(full, Upper) >= exact - Slack && Rdp(full) >= exact - Slack;
    });

    [Fact]
    public void Pld_CompositionSplit_IsTheWhole() => ForAll(job =>
    {
        PrivacyLossDistribution step = PrivacyLossDistribution.DpSgdStep(job.Z, job.Q, Upper);
        long half = (job.Steps + 1) / 2;
        double parts = step.SelfCompose(half).Compose(step.SelfCompose(job.Steps + 1 - half)).Epsilon(job.Delta);
        double whole = step.SelfCompose(job.Steps + 1).Epsilon(job.Delta);

        return Math.Abs(parts - whole) <= 1e-5 * Math.Max(1, whole);
    });

    [Fact]
    public void Rdp_CompositionSplit_IsTheWhole() => ForAll(job =>
    {
        RdpCurve step = SubsampledGaussianRdp.Step(RdpOrders.Ledger, job.Z, job.Q);
        RdpCurve parts = step.Times(job.Steps).Plus(step.Times(2 * job.Steps));
        RdpCurve whole = step.Times(3 * job.Steps);

        return parts.Values.Zip(whole.Values).All(pair => Math.Abs(pair.First - pair.Second) <= 1e-12 * pair.Second);
    });

    [Fact]
    public void Rdp_Orders_NeverFallAndStayBelowTheSeriesBound() => ForAll(job =>
    {
        RdpCurve exact = SubsampledGaussianRdp.Step(RdpOrders.Job, job.Z, job.Q);
        RdpCurve series = SubsampledGaussianRdp.StepBySeries(RdpOrders.Job, job.Z, job.Q);

        return exact.Values.Zip(exact.Values.Skip(1)).All(pair => pair.Second >= pair.First * (1 - Slack))
            && exact.Values.Zip(series.Values).All(pair => pair.First <= (pair.Second * (1 + 1e-7)) + 1e-11);
    });

    [Fact]
    public void Rdp_DeltaOfEpsilon_IsTheInverse() => ForAll(job =>
    {
        RdpCurve curve = DpSgdAccountant.Rdp(RdpOrders.Job, job.Z, job.Q, job.Steps);
        RdpEpsilon found = curve.Epsilon(job.Delta);

        return found.Epsilon == 0 || Math.Abs((curve.Delta(found.Epsilon) / job.Delta) - 1) <= 1e-9;
    });

    [Fact]
    public void Prv_Bounds_EncloseTheLossDistribution() => ForAll(job =>
    {
        PrvEpsilon prv = PrvAccountant.Epsilon(job.Z, job.Q, job.Steps, job.Delta, 0.05);

        return prv.Lower <= Pld(job, Upper) + Slack && prv.Upper >= Pld(job, Lower) - Slack;
    });

    [Fact]
    public void NoiseMultiplier_Rdp_MeetsTheTargetAndNothingSmallerDoes() => ForAll(job =>
    {
        double target = 0.5 + job.Z;
        double Epsilon(double z) => Rdp(job with { Z = z });
        double found = NoiseCalibration.Find(target, Epsilon);

        return Epsilon(found) <= target && Epsilon(found - 1e-3) > target;
    });

    [Fact]
    public void DiscreteGaussian_Delta_IsTheDefinition() => Prop.ForAll(
        (from sigma in Gen.Choose(2, 60) from epsilon in Gen.Choose(0, 300) from shift in Gen.Choose(1, 4) select (sigma / 10.0, epsilon / 100.0, shift)).ToArbitrary(),
        given =>
        {
            (double sigma, double epsilon, int shift) = given;
            DiscreteGaussianLaw law = new(sigma * sigma);
            double sum = Enumerable.Range(-100, 201).Sum(x => Math.Max(0, law.Probability(x) - (Math.Exp(epsilon) * law.Probability(x + shift))));

            return Math.Abs(law.Delta(epsilon, shift) - sum) <= 1e-12;
        }).QuickCheckThrowOnFailure();

    private static void ForAll(Func<Job, bool> holds) => Prop.ForAll(Jobs, holds).Check(Config.QuickThrowOnFailure.WithMaxTest(25));

    private static bool Falls(Job more, Job less) =>
        Pld(less, Upper) <= Pld(more, Upper) + Slack && Rdp(less) <= Rdp(more) * (1 + Slack);

    private static double Pld(Job job, PldOptions options) =>
        PrivacyLossDistribution.DpSgdStep(job.Z, job.Q, options).SelfCompose(job.Steps).Epsilon(job.Delta);

    private static double Rdp(Job job) => DpSgdAccountant.RdpEpsilon(job.Z, job.Q, job.Steps, job.Delta).Epsilon;

    private sealed record Job(double Z, double Q, long Steps, double Delta);
}
