// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;

namespace FedCloud.Protocol.Aggregation;

/// <summary>The coordinator's step from the mean update Δ to the new weights (Reddi et al. 2021, Algorithm 2; FedAvgM: Hsu et al. 2019).</summary>
/// <remarks>
/// <para>sgd: x += η Δ. momentum: m = β₁ m + Δ, x += η m. Adaptive rules: m = β₁ m + (1 - β₁) Δ; adagrad: v += Δ²;
/// yogi: v -= (1 - β₂) Δ² sign(v - Δ²); adam: v = β₂ v + (1 - β₂) Δ²; then x += η m / (sqrt(v) + τ). As in the paper there is
/// no bias correction, and v starts at τ².</para>
/// <para>Binary64 inside, binary32 stored, fixed order, no fused operations: an auditor gets the same bytes. m and v belong to
/// the model version, per factor, and are stepped only in rounds that exchange the factor.</para>
/// </remarks>
public sealed class ServerOptimizer
{
    private readonly ServerRule _rule;
    private readonly double _rate;
    private readonly double _beta1;
    private readonly double _beta2;
    private readonly double _tau;

    /// <summary>Makes the optimizer of a plan.</summary>
    public ServerOptimizer(ServerOptimizerPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        _rule = plan.Name;
        _rate = (double)plan.LearningRate;
        _beta1 = (double)plan.Beta1;
        _beta2 = (double)plan.Beta2;
        _tau = (double)plan.Tau;
    }

    /// <summary>Whether the rule keeps a first moment.</summary>
    public bool HasFirstMoment => _rule != ServerRule.Sgd;

    /// <summary>Whether the rule keeps a second moment.</summary>
    public bool HasSecondMoment => _rule is ServerRule.Adam or ServerRule.Yogi or ServerRule.Adagrad;

    /// <summary>The second moment before the first step: τ².</summary>
    public float InitialSecondMoment => (float)(_tau * _tau);

    /// <summary>Steps some coordinates in place.</summary>
    /// <param name="weights">x.</param>
    /// <param name="delta">Δ, the mean update.</param>
    /// <param name="first">m; empty when the rule keeps none.</param>
    /// <param name="second">v; empty when the rule keeps none.</param>
    public void Step(Span<float> weights, ReadOnlySpan<float> delta, Span<float> first, Span<float> second)
    {
        for (int i = 0; i < weights.Length; i++)
        {
            double d = delta[i];
            double step = _rule switch
            {
                ServerRule.Sgd => d,
                ServerRule.Momentum => first[i] = (float)((_beta1 * first[i]) + d),
                _ => Adapt(ref first[i], ref second[i], d),
            };
            weights[i] = (float)(weights[i] + (_rate * step));
        }
    }

    private double Adapt(ref float first, ref float second, double d)
    {
        double m = (_beta1 * first) + ((1 - _beta1) * d);
        double square = d * d;
        double v = _rule switch
        {
            ServerRule.Adagrad => second + square,
            ServerRule.Yogi => second - ((1 - _beta2) * square * Math.Sign(second - square)),
            _ => (_beta2 * second) + ((1 - _beta2) * square),
        };
        first = (float)m;
        second = (float)v;
        return first / (Math.Sqrt(second) + _tau);
    }
}
