// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Numerics;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

public sealed class LedgerFilterTests
{
    private const decimal Unit = 0.00000000000000000001m;

    [Fact]
    public void Admits_ExactlyAtTheLimit_AndNotOneStepAbove()
    {
        LedgerRdp step = Charge(1.1, 0.01, 1);
        LedgerRdp job = step.Times(1000);
        decimal limit = LedgerFilter.RequiredEpsilon(job, 1e-5)!.Value;

        Assert.True(LedgerFilter.Admits(LedgerRdp.Zero, LedgerRdp.Zero, job, limit, 1e-5));
        Assert.False(LedgerFilter.Admits(LedgerRdp.Zero, LedgerRdp.Zero, job, limit - Unit, 1e-5));
        Assert.False(LedgerFilter.Admits(LedgerRdp.Zero, LedgerRdp.Zero, step.Times(1001), limit, 1e-5));
    }

    [Fact]
    public void Admits_TwoJobs_AreNotBothGivenTheLastBudget()
    {
        LedgerRdp job = Charge(1.1, 0.01, 1000);
        decimal limit = LedgerFilter.RequiredEpsilon(job, 1e-5)!.Value;

        Assert.False(LedgerFilter.Admits(LedgerRdp.Zero, job, job, limit, 1e-5));
        Assert.False(LedgerFilter.Admits(job, LedgerRdp.Zero, job, limit, 1e-5));
    }

    [Fact]
    public void Plus_ThreeJobs_IsTheSumOfTheRdpVectors()
    {
        (double Z, double Q, long Steps)[] jobs = [(1.1, 0.01, 1000), (0.8, 0.004, 12000), (5, 1, 50)];

        LedgerRdp total = jobs.Select(job => Charge(job.Z, job.Q, job.Steps)).Aggregate(LedgerRdp.Zero, (sum, next) => sum.Plus(next));

        for (int i = 0; i < RdpOrders.Ledger.Length; i++)
        {
            double expected = jobs.Sum(job => DpSgdAccountant.Rdp(RdpOrders.Ledger, job.Z, job.Q, job.Steps).Values[i]);
            PrivacyVectors.CloseRelative(expected, (double)total.Values[i]!.Value, 1e-12);
        }
    }

    [Fact]
    public void Times_Rounds_IsTheSumOfTheChargesToTheLastDigit()
    {
        LedgerRdp charge = Charge(1.3, 0.02, 7);

        LedgerRdp sum = Enumerable.Range(0, 90).Aggregate(LedgerRdp.Zero, (total, _) => total.Plus(charge));

        Assert.Equal(charge.Times(90).Values.ToArray(), sum.Values.ToArray());
        Assert.Equal(LedgerRdp.Zero.Values.ToArray(), charge.Times(90).Minus(sum).Values.ToArray());
    }

    [Fact]
    public void Of_Curve_NeverRoundsDown()
    {
        RdpCurve curve = DpSgdAccountant.Rdp(RdpOrders.Ledger, 3, 1e-4, 1);

        LedgerRdp ledger = LedgerRdp.Of(curve);

        Assert.All(curve.Values.Zip(ledger.Values), pair =>
        {
            BigInteger exact = (BigInteger)Math.ScaleB(pair.First, 100) * BigInteger.Pow(10, 20); // in units of 2^-100 1e-20
            BigInteger units = (BigInteger)(pair.Second!.Value / Unit);
            Assert.True(units << 100 >= exact && (units - 1) << 100 < exact, $"{pair.First:R} became {pair.Second}");
        });
    }

    [Fact]
    public void Plus_BeyondTheLargestValue_PutsTheOrderOutOfUse()
    {
        ImmutableArray<decimal?> large = [.. RdpOrders.Ledger.Select((_, i) => (decimal?)(i == 0 ? 60_000_000m : 1m))];
        LedgerRdp vector = LedgerRdp.OfValues(large);

        LedgerRdp sum = vector.Plus(vector);

        Assert.Null(sum.Values[0]);
        Assert.Equal(2m, sum.Values[1]);
        Assert.Null(sum.Plus(LedgerRdp.Zero).Values[0]);
        Assert.Null(LedgerFilter.RequiredEpsilon(LedgerRdp.OfValues([.. RdpOrders.Ledger.Select(_ => (decimal?)null)]), 1e-5));
        Assert.False(LedgerFilter.Admits(LedgerRdp.OfValues([.. RdpOrders.Ledger.Select(_ => (decimal?)null)]), LedgerRdp.Zero, LedgerRdp.Zero, decimal.MaxValue, 1e-5));
    }

    [Theory]
    [InlineData(3.0, 3.7)]
    [InlineData(8.0, 9.6)]
    public void RequiredEpsilon_OneJob_IsTheFigureOfTheSpecification(double planEpsilon, double required)
    {
        double z = DpSgdAccountant.NoiseMultiplier(planEpsilon, 1, 10, 1e-5);

        decimal? found = LedgerFilter.RequiredEpsilon(Charge(z, 1, 10), 1e-5);

        PrivacyVectors.Close(required, (double)found!.Value, 0.05);
        Assert.True(found > (decimal)planEpsilon);
    }

    [Fact]
    public void RequiredEpsilon_Conversion_SplitsDeltaOverTheGrid()
    {
        // At order 64 alone: 0.5 + ln(63/64) - (ln(1e-6/16) + ln 64)/63.
        LedgerRdp onlyLast = LedgerRdp.OfValues([.. RdpOrders.Ledger.Select(order => order == 64 ? 0.5m : (decimal?)null)]);
        double expected = 0.5 + Math.Log(63 / 64.0) - ((Math.Log(1e-6 / 16) + Math.Log(64)) / 63);

        PrivacyVectors.Close(expected, (double)LedgerFilter.RequiredEpsilon(onlyLast, 1e-6)!.Value, 2e-12);
    }

    [Fact]
    public void Ledger_BadInput_IsRefused()
    {
        RdpCurve otherGrid = DpSgdAccountant.Rdp(RdpOrders.Job, 1, 0.1, 1);

        Assert.Equal(ErrorCodes.OrderInvalid, Assert.Throws<FedCloudException>(() => LedgerRdp.Of(otherGrid)).Code);
        Assert.Equal(ErrorCodes.OrderInvalid, Assert.Throws<FedCloudException>(() => LedgerRdp.OfValues([1m])).Code);
        Assert.Equal(ErrorCodes.OrderInvalid, Assert.Throws<FedCloudException>(() => LedgerRdp.OfValues([.. RdpOrders.Ledger.Select(_ => (decimal?)-1m)])).Code);
        Assert.Equal(ErrorCodes.CountInvalid, Assert.Throws<FedCloudException>(() => LedgerRdp.Zero.Minus(Charge(1, 0.1, 1))).Code);
        Assert.Equal(ErrorCodes.CountInvalid, Assert.Throws<FedCloudException>(() => LedgerRdp.Zero.Times(0)).Code);
        Assert.Equal(ErrorCodes.DeltaInvalid, Assert.Throws<FedCloudException>(() => LedgerFilter.RequiredEpsilon(LedgerRdp.Zero, 0)).Code);
    }

    private static LedgerRdp Charge(double z, double q, long steps) => LedgerRdp.Of(DpSgdAccountant.Rdp(RdpOrders.Ledger, z, q, steps));
}
