// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

/// <summary>Expected values of upstream tests, each within the tolerance stated there. A vector without a check here fails the first test.</summary>
public sealed class UpstreamVectorTests
{
    private static readonly ImmutableArray<double> OpacusOrders = [.. RdpOrders.Job.Where(order => order < 100)];
    private static readonly double CoarseTail = NormalTailAtNineTenths();

    private static readonly Dictionary<string, Action<JsonElement>> Checks = new(StringComparer.Ordinal)
    {
        ["OP-1"] = v => v.Meets(DpSgdAccountant.Rdp(OpacusOrders, 1.5, 0.04, 2250).Epsilon(1e-5).Epsilon),
        ["OP-3"] = v => v.Meets(PrvAccountant.Epsilon(1.5, 0.04, 2249, 1e-5).Upper),
        ["OP-4"] = v => v.Meets(Calibrated(z => DpSgdAccountant.Rdp(OpacusOrders, z, 0.04, 2250).Epsilon(1e-5).Epsilon)),
        ["OP-5"] = v => v.Meets(Calibrated(z => DpSgdAccountant.Rdp(OpacusOrders, z, 0.04, 2000).Epsilon(1e-5).Epsilon)),
        ["OP-6"] = v => v.Meets(Calibrated(z => PrvAccountant.Epsilon(z, 0.04, 2250, 1e-5).Upper)),
        ["OP-7"] = v => v.Meets(Calibrated(z => PrvAccountant.Epsilon(z, 0.04, 2000, 1e-5).Upper)),
        ["DPA-PLD-1"] = v => v.Meets(ThreeGaussians().Delta(1)),
        ["DPA-PLD-2"] = v => v.Meets(ThreeGaussians().Epsilon(v.Number("delta"))),
        ["DPA-PLD-3"] = v => v.Meets(MembershipBound.TruePositiveRate(ThreeGaussians(), v.Number("fpr"))),
        ["DPA-PLD-4"] = v => v.Meets(MembershipBound.GaussianMu(ThreeGaussians(), 1e-6, 1e-3, 0.01, 0.1, 0.5)),
        ["DPA-PLD-5"] = v => v.Meets(Sgd(0.5, 0.2).Compose(Sgd(0.5, 0.2).SelfCompose(2)).Delta(1)),
        ["DPA-PLD-6"] = v => v.Meets(Sgd(0.5, 0.2).SelfCompose(3).Epsilon(v.Number("delta"))),
        ["DPA-PLD-7"] = v => v.Meets(Laplace(1, 1).SelfCompose(3).Compose(Laplace(2, 1).SelfCompose(2)).Epsilon(v.Number("delta"))),
        ["DPA-PLD-8"] = v => v.Meets(Laplace(0.5, 0.2).SelfCompose(3).Epsilon(v.Number("delta"))),
        ["DPA-PLD-9"] = v => v.Meets(Mixture(1, [new(0, 0.2), new(1, 0.6), new(2, 0.2)]).SelfCompose(3).Compose(Mixture(2, [new(0, 0.33), new(2, 0.34), new(3, 0.33)]).SelfCompose(2)).Epsilon(v.Number("delta"))),
        ["DPA-PLD-10"] = v => v.Meets(Truncated(4).SelfCompose(3).Compose(Truncated(3).SelfCompose(2)).Epsilon(v.Number("delta"))),
        ["DPA-PLD-11"] = v => v.Meets(PrivacyLossDistribution.ApproximateDp(1, 0.1, PldOptions.Report).Compose(PrivacyLossDistribution.ApproximateDp(2, 0.2, PldOptions.Report)).Delta(3)),
        ["DPA-CAL-1"] = v => v.Meets(Deviation(1, 0.01, 1)),
        ["DPA-CAL-2"] = v => v.Meets(Deviation(6, 0.001, 25)),
        ["DPA-CAL-3"] = v => v.Meets(ExactGaussian.NoiseMultiplier(1, v.Number("delta"), 1)),
        ["DPA-CAL-4"] = v => v.Meets(6 * ExactGaussian.NoiseMultiplier(1, v.Number("delta"), 25)),
        ["DPA-ADV-1"] = v => v.Meets(AdvancedComposition.Epsilon(1, 0.001, 30, v.Number("delta"))),
        ["DPA-ADV-2"] = v => v.Meets(AdvancedComposition.Epsilon(1, 0.001, 30, v.Number("delta"))),
        ["DPA-RDP-1"] = v => MeetsOrders(v, SubsampledGaussianRdp.StepBySeries(Orders(v), v.Number("noise_multiplier"), v.Number("q")).Times(50)),
        ["DPA-RDP-2"] = PureDp,
        ["DPA-RDP-3"] = v => v.Meets(RdpCurve.Of([.. Enumerable.Range(1000, 99_000 - 1 + 1).Select(i => 0.001 * i)], RdpMechanisms.Gaussian(v.Number("noise_multiplier"))).Epsilon(v.Number("delta")).Epsilon),
        ["DPA-RDP-4"] = v => MeetsOrders(v, RdpCurve.Of(Orders(v), RdpMechanisms.DiscreteGaussian(5, 2))),
        ["DPA-RDP-5"] = v => Assert.All(RdpOf(v, RdpMechanisms.DiscreteGaussian(2.5, 1)).Zip(RdpOf(v, RdpMechanisms.Gaussian(2.5))), pair => PrivacyVectors.CloseRelative(pair.Second, pair.First, v.Number("rtol"))),
        ["DPA-RDP-6"] = v => MeetsOrders(v, RdpCurve.Of(Orders(v), RdpMechanisms.Exponential(1))),
        ["DPA-RDP-7"] = v => v.Meets(PrivacyLossDistribution.ApproximateDp(0, 0.001, PldOptions.Report).SelfCompose(10).Delta(0)),
        ["DPA-RDP-8"] = v => Assert.True(RdpCurve.Of([.. RdpOrders.Job.Where(order => order < 100)], RdpMechanisms.SingleEpochTree(v.Number("noise_multiplier"), 1600)).Epsilon(v.Number("delta")).Epsilon < v.Number("value")),
        ["DPA-DG-1"] = v => MeetsPmf(v, v, Cut(1, 1, 1).Remove),
        ["DPA-DG-2"] = v => MeetsPmf(v, v, Cut(3, 1, 1).Remove),
        ["DPA-DG-3"] = v => MeetsDirections(v, Cut(1, 1, 0.6)),
        ["DPA-DG-4"] = v => MeetsPmf(v, v, Cut(1, 2, 1).Remove),
        ["DPA-G-1"] = v => MeetsPmf(v, v, Coarse(1, LossRounding.ConnectTheDots).Remove),
        ["DPA-G-2"] = v => MeetsDirections(v, Coarse(0.8, LossRounding.ConnectTheDots)),
        ["DPA-G-3"] = CoarseRoundedUp,
        ["DPA-TPR-0.001"] = ExtremeRate,
        ["DPA-TPR-0.0001"] = ExtremeRate,
        ["DPA-TPR-1e-05"] = ExtremeRate,
        ["DPA-TPR-1e-06"] = ExtremeRate,
        ["DPA-TPR-1e-08"] = ExtremeRate,
        ["DPA-TPR-1e-10"] = ExtremeRate,
    };

    public static TheoryData<string> Ids => [.. Checks.Keys];

    [Fact]
    public void Vectors_All_HaveACheck()
    {
        string[] centralLimit = ["OP-2", "OP-8"]; // the method must not exist

        Assert.Equal(PrivacyVectors.UpstreamIds.Order(StringComparer.Ordinal), Checks.Keys.Concat(centralLimit).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(typeof(DpSgdAccountant).Assembly.GetTypes(), type => type.Name.Contains("CentralLimit", StringComparison.OrdinalIgnoreCase) || type.Name.Contains("Clt", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Vector_Upstream_IsMet(string id) => Checks[id](PrivacyVectors.Upstream(id));

    private static double Calibrated(Func<double, double> epsilonOf) =>
        NoiseCalibration.Find(8, epsilonOf, new NoiseSearch { Width = 1e-9, EpsilonSlack = 0.01 });

    private static PrivacyLossDistribution ThreeGaussians() => Sgd(Math.Sqrt(3), 1).Compose(Sgd(Math.Sqrt(3), 1).SelfCompose(2));

    private static PrivacyLossDistribution Sgd(double z, double q) => PrivacyLossDistribution.DpSgdStep(z, q, PldOptions.Report);

    private static PrivacyLossDistribution Laplace(double b, double q) => PrivacyLossDistribution.OfPair(new PoissonSampledPair(new LaplacePair(b), q), PldOptions.Report);

    private static PrivacyLossDistribution Mixture(double sigma, ImmutableArray<GaussianComponent> upper) =>
        PrivacyLossDistribution.OfPair(new GaussianMixturePair(sigma, upper, [new(0, 1)]), PldOptions.Report);

    private static PrivacyLossDistribution Truncated(int records) => PrivacyLossDistribution.TruncatedSampling(records, 0.5, 2, 1, PldOptions.Report);

    private static PrivacyLossDistribution Cut(double sigma, int cut, double q) =>
        PrivacyLossDistribution.DiscreteGaussian(sigma, 1, cut, q, new PldOptions { Rounding = LossRounding.Up });

    private static PrivacyLossDistribution Coarse(double q, LossRounding rounding)
    {
        PldOptions options = new() { Interval = 1, TailMass = CoarseTail, Rounding = rounding };
        return PrivacyLossDistribution.DpSgdStep(1, q, options);
    }

    private static double Deviation(double sensitivity, double q, long steps)
    {
        NoiseSearch search = new() { High = ExactGaussian.NoiseMultiplier(1, 1e-5, steps), Width = 1e-7 / sensitivity }; // upstream's bracket and width
        PldOptions options = new() { Interval = 1e-3 }; // as upstream: the smaller of 1e-3 and 0.1 epsilon / steps
        return sensitivity * NoiseCalibration.Find(1, z => PrivacyLossDistribution.DpSgdStep(z, q, options).SelfCompose(steps).Epsilon(1e-5), search);
    }

    private static void PureDp(JsonElement vector)
    {
        RdpEpsilon found = RdpCurve.Of([.. Enumerable.Range(2, 31).Select(order => (double)order)], _ => 1.1).Epsilon(vector.Number("delta"));

        vector.Meets(found.Epsilon);
        Assert.Equal(vector.Number("order"), found.Order);
    }

    private static void ExtremeRate(JsonElement vector) => vector.Meets(MembershipBound.TruePositiveRate(Sgd(1, 1), vector.Number("fpr")));

    private static void CoarseRoundedUp(JsonElement vector)
    {
        LossPmf pmf = Coarse(1, LossRounding.Up).Remove;

        MeetsPmf(vector, null, pmf);
        PrivacyVectors.Close(CoarseTail, pmf.InfiniteMass, 1e-7);
        Assert.True(pmf.InfiniteMass >= CoarseTail - 1e-15);
    }

    private static ImmutableArray<double> Orders(JsonElement vector) =>
        [.. vector.GetProperty("orders").EnumerateArray().Select(order => order.ValueKind == JsonValueKind.String ? double.PositiveInfinity : order.GetDouble())];

    private static ImmutableArray<double> RdpOf(JsonElement vector, Func<double, double> bound) => RdpCurve.Of(Orders(vector), bound).Times(50).Values;

    private static void MeetsOrders(JsonElement vector, RdpCurve curve)
    {
        ImmutableArray<JsonElement> expected = [.. vector.GetProperty("value").EnumerateArray()];
        for (int i = 0; i < expected.Length; i++)
        {
            if (expected[i].ValueKind == JsonValueKind.String)
            {
                Assert.Equal(double.PositiveInfinity, curve.Values[i]);
            }
            else
            {
                double value = expected[i].GetDouble();
                PrivacyVectors.Close(value, curve.Values[i], vector.TryGetProperty("tol", out JsonElement tol) ? tol.GetDouble() : vector.Number("rtol") * value);
            }
        }
    }

    private static void MeetsDirections(JsonElement vector, PrivacyLossDistribution distribution)
    {
        MeetsPmf(vector, vector, distribution.Remove, "remove");
        MeetsPmf(vector, vector, distribution.Add, "add");
    }

    private static void MeetsPmf(JsonElement vector, JsonElement? infinite, LossPmf pmf, string? direction = null)
    {
        double tolerance = vector.Number("tol");
        JsonElement masses = direction is null ? vector.GetProperty("value") : vector.GetProperty("value").GetProperty(direction);
        Dictionary<long, double> expected = masses.EnumerateObject().ToDictionary(mass => long.Parse(mass.Name, CultureInfo.InvariantCulture), mass => mass.Value.GetDouble());
        for (int i = 0; i < pmf.Count; i++)
        {
            PrivacyVectors.Close(expected.GetValueOrDefault(pmf.Lowest + i), pmf.Masses[i], tolerance);
        }

        Assert.All(expected, mass => PrivacyVectors.Close(mass.Value, pmf.At(mass.Key), tolerance));
        if (infinite is JsonElement holder)
        {
            JsonElement mass = holder.GetProperty("infinity_mass");
            PrivacyVectors.Close(direction is null ? mass.GetDouble() : mass.Number(direction), pmf.InfiniteMass, tolerance);
        }
    }

    // P[N < -0.9], to 15 digits.
    private static double NormalTailAtNineTenths() => 0.184060125346760;
}
