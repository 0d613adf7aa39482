// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

/// <summary>Distributed noise and exact values against frozen vectors.</summary>
public sealed class DistributedVectorTests
{
    public static TheoryData<int> DiscreteGaussians => Indices("ddgauss");

    public static TheoryData<int> Skellams => Indices("skellam");

    public static TheoryData<int> Laws => Indices("discrete_gaussian_exact");

    [Theory]
    [MemberData(nameof(DiscreteGaussians))]
    public void DiscreteGaussian_Vector_IsMet(int index)
    {
        JsonElement v = PrivacyVectors.Distributed("ddgauss").ElementAt(index);
        double scale = 1 / v.Number("gamma");
        long dim = v.GetProperty("dim").GetInt64();
        double l2 = DistributedNoise.RoundedL2(v.Number("l2_clip") * scale, dim, v.Number("beta"));
        Func<double, double> bound = DistributedNoise.DiscreteGaussian(v.Number("local_stddev") * scale, v.GetProperty("num_clients").GetInt32(), l2, dim);

        RdpEpsilon found = Epsilon(v, RdpMechanisms.PoissonSampled(bound, v.Number("q")));

        PrivacyVectors.CloseRelative(v.Number("epsilon"), found.Epsilon, 1e-6);
        PrivacyVectors.CloseRelative(v.Number("rounded_l2"), l2 / scale, 1e-9);
        Assert.Equal(v.Number("order"), found.Order);
    }

    [Theory]
    [MemberData(nameof(Skellams))]
    public void Skellam_Vector_IsMet(int index)
    {
        JsonElement v = PrivacyVectors.Distributed("skellam").ElementAt(index);
        double scale = v.Number("scale");
        long dim = v.GetProperty("dim").GetInt64();
        double l2 = DistributedNoise.RoundedL2(v.Number("l2_clip") * scale, dim, v.Number("beta"));

        RdpEpsilon found = Epsilon(v, DistributedNoise.Skellam(v.Number("central_stddev") * scale, l2, dim));

        PrivacyVectors.CloseRelative(v.Number("epsilon"), found.Epsilon, 1e-6);
        Assert.Equal(v.Number("order"), found.Order);
    }

    [Fact]
    public void RoundedL2_Vectors_AreMet() => Assert.All(
        PrivacyVectors.Distributed("rounded_l2_norm_bound"),
        v => PrivacyVectors.CloseRelative(v.Number("value"), DistributedNoise.RoundedL2(v.Number("l2"), v.GetProperty("dim").GetInt64(), v.Number("beta")), 1e-12));

    [Fact]
    public void ExactGaussian_DeltaVectors_AreMet() => Assert.All(PrivacyVectors.Distributed("gaussian_exact_delta"), v =>
    {
        bool composed = !v.TryGetProperty("sigma", out _);
        double z = composed ? Math.Sqrt(3) : v.Number("sigma") / v.Number("sens");

        double delta = ExactGaussian.Delta(z, composed ? 3 : 1, v.Number("epsilon"));

        PrivacyVectors.CloseRelative(v.Number("delta"), delta, 1e-12); // the specification allows 1e-9
    });

    [Fact]
    public void ExactGaussian_EpsilonVectors_AreMet() => Assert.All(
        PrivacyVectors.Distributed("gaussian_exact_epsilon"),
        v => PrivacyVectors.CloseRelative(v.Number("epsilon"), ExactGaussian.Epsilon(v.Number("noise_multiplier"), v.GetProperty("steps").GetInt64(), v.Number("delta")), 1e-12));

    [Fact]
    public void ExactGaussian_SiloLevelVectors_AreMet() => Assert.All(
        PrivacyVectors.Distributed("silo_level_full_participation"),
        v => PrivacyVectors.CloseRelative(v.Number("epsilon_exact"), ExactGaussian.Epsilon(v.Number("noise_multiplier"), v.GetProperty("rounds").GetInt64(), v.Number("delta")), 1e-6));

    [Theory]
    [MemberData(nameof(Laws))]
    public void DiscreteGaussianLaw_Vector_IsMet(int index)
    {
        JsonElement v = PrivacyVectors.Distributed("discrete_gaussian_exact").ElementAt(index);

        DiscreteGaussianLaw law = new(v.Number("sigma2"));

        PrivacyVectors.CloseRelative(v.Number("normaliser"), law.Normaliser, 1e-12);
        PrivacyVectors.CloseRelative(v.Number("variance"), law.Variance, 1e-9);
        Assert.All(v.GetProperty("pmf").EnumerateObject(), p => PrivacyVectors.CloseRelative(Parse(p.Value), law.Probability(long.Parse(p.Name, CultureInfo.InvariantCulture)), 1e-9));
        Assert.All(v.GetProperty("delta_at_eps").EnumerateObject(), p => PrivacyVectors.CloseRelative(Parse(p.Value), law.Delta(double.Parse(p.Name, CultureInfo.InvariantCulture), 1), 1e-9));
    }

    [Fact]
    public void ZeroConcentratedDelta_Vectors_AreMet() => Assert.All(
        PrivacyVectors.Distributed("zcdp_to_delta_CKS"),
        v => PrivacyVectors.CloseRelative(v.Number("delta"), RdpMechanisms.ZeroConcentratedDelta(v.Number("rho"), v.Number("eps")), 1e-6));

    private static TheoryData<int> Indices(string kind) => [.. Enumerable.Range(0, PrivacyVectors.Distributed(kind).Count())];

    private static double Parse(JsonElement value) => double.Parse(value.GetString()!, CultureInfo.InvariantCulture);

    private static RdpEpsilon Epsilon(JsonElement v, Func<double, double> bound) =>
        RdpCurve.Of(RdpOrders.Distributed, bound).Times(v.GetProperty("steps").GetInt64()).Epsilon(v.Number("delta"));
}
