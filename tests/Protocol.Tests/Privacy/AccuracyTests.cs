// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

/// <summary>Values of the definitions by quadrature in 30-digit arithmetic, at parameters where a careless formula loses its digits.</summary>
public sealed class AccuracyTests
{
    [Theory]
    [InlineData(0.3, 0.9, 1.1, 5.458953209769446)]
    [InlineData(0.3, 0.5, 10.9, 59.792393508272376)]
    [InlineData(2.5, 0.01, 1.5, 1.3001417943760802E-05)]
    [InlineData(0.1, 0.001, 3.7, 175.5338168399133)]
    [InlineData(50, 1e-5, 2.5, 5.001000143351809E-14)]
    [InlineData(1, 0.5, 1.1, 0.15613047568549293)]
    [InlineData(5, 0.999, 7.3, 0.1457419480508382)]
    [InlineData(1000, 0.3, 1.1, 4.950001316699943E-08)]
    public void Rdp_FractionalOrder_HasFullPrecision(double z, double q, double order, double expected) =>
        PrivacyVectors.CloseRelative(expected, SubsampledGaussianRdp.Step([order], z, q).Values[0], 1e-12);

    [Theory]
    [InlineData(0.5, 0.2, 1, 0.057840405997511675, 0)]
    [InlineData(1, 0.01, 0.5, 2.2145190131530577E-07, 0)]
    [InlineData(2, 0.9, 0.3, 0.08007507607747338, 0.07452381836816556)]
    [InlineData(0.6, 0.001, 3, 4.434702339685734E-11, 0)]
    public void ConnectTheDots_OneStep_IsExactAtGridPoints(double z, double q, double epsilon, double remove, double add)
    {
        PrivacyLossDistribution step = PrivacyLossDistribution.DpSgdStep(z, q, PldOptions.Report);

        PrivacyVectors.CloseRelative(remove, step.Remove.Delta(epsilon), 1e-11);
        PrivacyVectors.CloseRelative(add, step.Add.Delta(epsilon), 1e-11);
        PrivacyVectors.CloseRelative(Math.Max(remove, add), step.Delta(epsilon), 1e-11);
    }

    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(0.5, 0.1)]
    [InlineData(2, 0.4999)]
    public void Laplace_OneStep_IsTheClosedForm(double noiseMultiplier, double epsilon)
    {
        PrivacyLossDistribution step = PrivacyLossDistribution.OfPair(new LaplacePair(noiseMultiplier), PldOptions.Report);
        double expected = 1 - Math.Exp((epsilon - (1 / noiseMultiplier)) / 2); // Dwork and Roth 2014, section 3.3

        PrivacyVectors.CloseRelative(expected, step.Remove.Delta(epsilon), 1e-9);
        PrivacyVectors.CloseRelative(expected, step.Add.Delta(epsilon), 1e-9);
    }

    [Theory]
    [InlineData(1e-5)]
    [InlineData(1e-8)]
    public void Composition_EmptyCellsAtTheEnds_LosesNoMass(double delta)
    {
        // With this mesh the first cells of the loss hold no mass, where Chernoff's bound must look at the first that does.
        PrvEpsilon prv = PrvAccountant.Epsilon(0.78, 0.082, 5, delta, 0.05);

        PrivacyVectors.Close(DpSgdAccountant.Epsilon(0.78, 0.082, 5, delta), prv.Estimate, 1e-3);
    }

    [Theory]
    [InlineData(0.61, 385, 1e-9)] // epsilon 709.3: e^-epsilon has few digits left
    [InlineData(0.61, 386, 1e-9)] // 710.9: e^epsilon is no longer a number
    [InlineData(0.6, 400, 1e-6)]
    [InlineData(0.3, 400, 1e-5)] // 2,500: nor is e^-epsilon
    public void Epsilon_BeyondTheRangeOfExp_EnclosesTheExactValue(double z, long steps, double delta)
    {
        double exact = ExactGaussian.Epsilon(z, steps, delta);
        PldOptions upper = new() { Interval = 1e-3 };

        Assert.InRange(PrivacyLossDistribution.DpSgdStep(z, 1, upper).SelfCompose(steps).Epsilon(delta), exact, exact + 1e-3);
        Assert.InRange(PrivacyLossDistribution.DpSgdStep(z, 1, upper with { Rounding = LossRounding.Merge }).SelfCompose(steps).Epsilon(delta), exact - 1e-3, exact);
    }

    [Theory]
    [InlineData(0.5, 100, 1e-90, 0.434594364238315)] // mu = 20 and losses around 200
    [InlineData(0.6, 500, 1e-300, 0.5873382790840311)] // mu = 37 and losses around 700, where e^loss is no longer a number
    public void MembershipBound_BeyondTheRangeOfExp_IsTheGaussians(double z, long steps, double falsePositiveRate, double expected)
    {
        // Dong, Roth and Su 2022, section 2.3: Phi(mu + Phi^-1(rate)) with mu = sqrt(T)/z.
        PrivacyLossDistribution losses = PrivacyLossDistribution.DpSgdStep(z, 1, new PldOptions { Interval = 1e-3 }).SelfCompose(steps);

        Assert.InRange(MembershipBound.TruePositiveRate(losses, falsePositiveRate), expected, expected + 1e-4);
    }

    [Fact]
    public void Report_TwoThousandSteps_TakesAtMostTwoSeconds()
    {
        // The best of three, so that another process's burst does not count; the usual time is a tenth of a second.
        double best = Enumerable.Range(0, 3).Min(_ =>
        {
            long start = Stopwatch.GetTimestamp();
            DpSgdAccountant.Epsilon(1.5, 0.04, 2250, 1e-5);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        });

        Assert.InRange(best, 0, 2);
    }
}
