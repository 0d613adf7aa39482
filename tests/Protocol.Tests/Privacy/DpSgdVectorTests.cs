// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

/// <summary>The DP-SGD grid against two libraries, with the tolerances of the privacy specification, section 3.1.</summary>
public sealed class DpSgdVectorTests
{
    public static TheoryData<int> Cases => [.. Enumerable.Range(0, PrivacyVectors.DpSgd.Count())];

    public static TheoryData<int> SampledCases => [.. Enumerable.Range(0, PrivacyVectors.DpSgd.Count()).Where(index => PrivacyVectors.DpSgd.ElementAt(index).Number("sampling_prob") < 1)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void PldEpsilon_Vector_IsInsideItsTolerance(int index)
    {
        JsonElement vector = PrivacyVectors.DpSgd.ElementAt(index);
        (double z, double q, long steps, double delta) = Parameters(vector);
        double pessimistic = vector.Number("pld_pessimistic_connect_dots_1e-4");

        double epsilon = DpSgdAccountant.Epsilon(z, q, steps, delta);

        PrivacyVectors.Close(pessimistic, epsilon, 1e-6 * Math.Max(1, epsilon)); // the specification allows 2e-3
        Assert.True(epsilon >= vector.Number("pld_optimistic_1e-4"));
        if (vector.TryGetProperty("prv_opacus_lower_est_upper_epserr0.01", out JsonElement prv))
        {
            Assert.True(epsilon >= prv[0].GetDouble());
        }

        if (vector.TryGetProperty("exact_analytic_gaussian", out JsonElement exact))
        {
            Assert.InRange(epsilon, exact.GetDouble(), exact.GetDouble() * (1 + 1e-3));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LowerEpsilon_Vector_IsBetweenTheRoundedDownAndTheUpperBound(int index)
    {
        JsonElement vector = PrivacyVectors.DpSgd.ElementAt(index);
        (double z, double q, long steps, double delta) = Parameters(vector);
        PldOptions down = new() { Rounding = LossRounding.Down };

        double lower = DpSgdAccountant.LowerEpsilon(z, q, steps, delta);
        double rounded = PrivacyLossDistribution.DpSgdStep(z, q, down).SelfCompose(steps).Epsilon(delta);

        PrivacyVectors.Close(vector.Number("pld_optimistic_1e-4"), rounded, 1e-6 * Math.Max(1, rounded));
        Assert.InRange(lower, rounded, DpSgdAccountant.Epsilon(z, q, steps, delta));
        Assert.True(lower >= DpSgdAccountant.Epsilon(z, q, steps, delta) - 0.03, $"the bracket is wide: {lower:R}");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void RdpEpsilon_Vector_IsBetweenTheReferences(int index)
    {
        JsonElement vector = PrivacyVectors.DpSgd.ElementAt(index);
        (double z, double q, long steps, double delta) = Parameters(vector);

        RdpEpsilon found = DpSgdAccountant.RdpEpsilon(z, q, steps, delta);

        Assert.InRange(found.Epsilon, vector.Number("rdp_opacus") - 1e-6, vector.Number("rdp_dp_accounting") + 5e-4);
        Assert.True(found.Epsilon >= vector.Number("pld_pessimistic_connect_dots_1e-4") - 2e-3);
        Assert.Equal(vector.Number("rdp_opacus_order"), found.Order);
    }

    [Theory]
    [MemberData(nameof(SampledCases))]
    public void PrvEpsilon_Vector_AgreesWithOpacus(int index)
    {
        JsonElement vector = PrivacyVectors.DpSgd.ElementAt(index);
        (double z, double q, long steps, double delta) = Parameters(vector);
        JsonElement expected = vector.GetProperty("prv_opacus_lower_est_upper_epserr0.01");

        PrvEpsilon found = PrvAccountant.Epsilon(z, q, steps, delta);

        PrivacyVectors.Close(expected[0].GetDouble(), found.Lower, 1e-6);
        PrivacyVectors.Close(expected[1].GetDouble(), found.Estimate, 1e-6);
        PrivacyVectors.Close(expected[2].GetDouble(), found.Upper, 1e-6);
    }

    private static (double Z, double Q, long Steps, double Delta) Parameters(JsonElement vector) =>
        (vector.Number("noise_multiplier"), vector.Number("sampling_prob"), vector.GetProperty("steps").GetInt64(), vector.Number("delta"));
}
