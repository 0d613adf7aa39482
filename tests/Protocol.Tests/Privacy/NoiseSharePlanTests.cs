// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

public sealed class NoiseSharePlanTests
{
    [Theory]
    [InlineData(0.5, 3, 4)]
    [InlineData(1.3, 1e5, 7)]
    [InlineData(5, 1e7, 20)]
    public void Plan_Variance_IsNeverBelowAndHardlyAboveWhatIsAccounted(double z, double sensitivity, int shares)
    {
        NoiseSharePlan plan = new(z, sensitivity, shares);

        double variance = (double)plan.VarianceNumerator / plan.VarianceDenominator;

        PrivacyVectors.CloseRelative(z * sensitivity, plan.SumSigma, 1e-15);
        PrivacyVectors.CloseRelative(plan.SumSigma * plan.SumSigma / shares, plan.LocalSigma * plan.LocalSigma, 1e-15);
        Assert.InRange(variance / (plan.LocalSigma * plan.LocalSigma), 1 - 1e-15, 1 + 2e-6);
    }

    [Fact]
    public void Plan_BadInput_IsRefused()
    {
        Assert.Equal(ErrorCodes.NoiseInvalid, Assert.Throws<FedCloudException>(() => new NoiseSharePlan(double.NaN, 1, 1)).Code);
        Assert.Equal(ErrorCodes.NoiseInvalid, Assert.Throws<FedCloudException>(() => new NoiseSharePlan(1e10, 1e10, 1)).Code);
        Assert.Equal(ErrorCodes.CountInvalid, Assert.Throws<FedCloudException>(() => new NoiseSharePlan(1, 1, 0)).Code);
    }

    [Fact]
    public void Plan_Shares_DrawTheirDeviation()
    {
        NoiseSharePlan plan = new(1.5, 40, 9);
        using AesCtrRandomSource source = new(new byte[32]);
        using RandomBits bits = new(source);
        IIntegerSampler[] samplers = [
            new DiscreteGaussianSampler(bits, plan.VarianceNumerator, plan.VarianceDenominator),
            new SkellamSampler(bits, plan.VarianceNumerator, plan.VarianceDenominator)];

        Assert.All(samplers, sampler =>
        {
            double square = Enumerable.Range(0, 20_000).Average(_ => Math.Pow(sampler.Next(), 2));
            PrivacyVectors.CloseRelative(400, square, 5 * Math.Sqrt(2.0 / 20_000));
        });
    }
}
