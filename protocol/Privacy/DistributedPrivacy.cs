// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Privacy;

/// <summary>What claims B and C of a plan come to at every silo: noise shares on the ring, and what they cost (privacy, section 4; secure-aggregation, section 8.1).</summary>
/// <remarks>
/// The figures follow from the plan alone, so a silo can reserve before it knows the model or the roster. The grid takes its part of
/// the noise, and how much depends on both; <see cref="RequireResolved"/> lets no round begin whose grid takes more than
/// <see cref="GridShare"/> of it, and the effective noise multiplier leaves that much out for every round.
/// </remarks>
public sealed record DistributedPrivacy
{
    /// <summary>The largest part of z that a round's grid may take.</summary>
    public const double GridShare = 0.005;

    private const byte EffectivePlaces = 12;
    private const byte EpsilonPlaces = 6;

    /// <summary>Discrete Gaussian, or Skellam where sums must stay closed in a small ring.</summary>
    public required LedgerMechanism Mechanism { get; init; }

    /// <summary>z: standard deviation of the honest sum's noise over the sensitivity after rounding.</summary>
    public required decimal NoiseMultiplier { get; init; }

    /// <summary>z_eff: z without the grid's share, rounded down to twelve places.</summary>
    public required decimal EffectiveNoiseMultiplier { get; init; }

    /// <summary>The most rounds that are charged: the plan's and the spare ones.</summary>
    public required int MaxRounds { get; init; }

    /// <summary>What one round costs the ledger.</summary>
    public required LedgerRdp Round { get; init; }

    /// <summary>The epsilon of the job at its most rounds, by RDP, rounded up to six places.</summary>
    public required decimal Epsilon { get; init; }

    /// <summary>The epsilon of one round alone, by RDP.</summary>
    public required decimal RoundEpsilon { get; init; }

    /// <summary>The mechanism of a ring: Skellam noise up to 24 bits, since its sums are Skellam again, else the discrete Gaussian (section 8.1).</summary>
    /// <param name="ringBits">k.</param>
    public static LedgerMechanism MechanismOf(int ringBits) => ringBits <= 24 ? LedgerMechanism.Skellam : LedgerMechanism.DiscreteGaussian;

    /// <summary>Computes the figures.</summary>
    /// <param name="plan">A plan with claim B or C, which gives its noise multiplier.</param>
    /// <exception cref="FedCloudException"><c>accountant_not_finite</c> or <c>noise_invalid</c>.</exception>
    public static DistributedPrivacy Of(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (!plan.Privacy.IsOnRing || plan.Privacy.NoiseMultiplier is not { } noise)
        {
            throw new ArgumentException("the plan claims no noise on the ring, or gives none", nameof(plan));
        }

        LedgerMechanism mechanism = MechanismOf(plan.Aggregation.Secure.RingBits);
        decimal effective = -LedgerRdp.RoundUp(-((double)noise * (1 - GridShare)), EffectivePlaces);
        if (effective <= 0)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.NoiseInvalid, "privacy.noise_multiplier", "at least 1e-11", noise.ToString(CultureInfo.InvariantCulture));
        }

        int rounds = plan.Rounds + plan.Privacy.SpareRounds;
        double delta = (double)plan.Privacy.Delta;
        return new DistributedPrivacy
        {
            Mechanism = mechanism,
            NoiseMultiplier = noise,
            EffectiveNoiseMultiplier = effective,
            MaxRounds = rounds,
            Round = LedgerRdp.Of(Rdp(mechanism, RdpOrders.Ledger, (double)effective)),
            Epsilon = EpsilonOf(mechanism, (double)effective, rounds, delta),
            RoundEpsilon = EpsilonOf(mechanism, (double)effective, 1, delta),
        };
    }

    /// <summary>What one round costs at an effective noise multiplier: at most alpha / (2 z_eff^2), for Skellam noise at whole orders only.</summary>
    /// <param name="mechanism">Discrete Gaussian or Skellam.</param>
    /// <param name="orders">The orders.</param>
    /// <param name="effective">z_eff.</param>
    public static RdpCurve Rdp(LedgerMechanism mechanism, ImmutableArray<double> orders, double effective)
    {
        double half = 0.5 / (PrivacyArguments.Noise(effective, "the effective noise multiplier") * effective);
        return RdpCurve.Of(orders, order => mechanism == LedgerMechanism.DiscreteGaussian || order.Equals(Math.Floor(order)) ? order * half : double.PositiveInfinity);
    }

    /// <summary>The smallest noise multiplier of nine places that keeps an epsilon over a plan's rounds.</summary>
    /// <param name="plan">A plan with claim B or C.</param>
    /// <param name="epsilon">The wanted epsilon.</param>
    /// <exception cref="FedCloudException"><c>epsilon_unreachable</c>.</exception>
    public static decimal NoiseFor(RunConfig plan, decimal epsilon)
    {
        ArgumentNullException.ThrowIfNull(plan);
        LedgerMechanism mechanism = MechanismOf(plan.Aggregation.Secure.RingBits);
        int rounds = plan.Rounds + plan.Privacy.SpareRounds;
        double found = NoiseCalibration.Find((double)epsilon, z => Rdp(mechanism, Orders(mechanism), z * (1 - GridShare)).Times(rounds).Epsilon((double)plan.Privacy.Delta).Epsilon);
        decimal noise = LedgerRdp.RoundUp(found, 9);
        return EpsilonOf(mechanism, (double)noise * (1 - GridShare), rounds, (double)plan.Privacy.Delta) <= epsilon ? noise : noise + 0.000000001m;
    }

    /// <summary>Lets no round begin whose grid takes more of the noise than was accounted for.</summary>
    /// <param name="layout">The round's layout.</param>
    /// <exception cref="FedCloudException"><c>ring_too_small</c>: its coordinates have too few bits for the clip.</exception>
    public static void RequireResolved(RingLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        LedgerMechanism mechanism = MechanismOf(layout.Ring.Bits);
        foreach (RingSegment segment in layout.Segments.Where(segment => segment.NoiseMultiplier > 0))
        {
            int index = layout.Segments.IndexOf(segment);
            (double sensitivity, double local, int shares) = (layout.Sensitivity(index), layout.SigmaLocal(index), layout.NoiseShares);
            Func<double, double> cost = mechanism == LedgerMechanism.Skellam
                ? DistributedNoise.Skellam(local * Math.Sqrt(shares), sensitivity, segment.Length)
                : DistributedNoise.DiscreteGaussian(local, shares, sensitivity, segment.Length);
            RdpCurve accounted = Rdp(mechanism, Orders(mechanism), segment.NoiseMultiplier * (1 - GridShare));
            if (accounted.Orders.Where((order, i) => !(cost(order) <= accounted.Values[i])).Any())
            {
                throw new FedCloudException(
                    ErrorCodes.RingTooSmall,
                    $"segment {segment.Name}: one clipped vector measures {sensitivity:F0} steps of a ring of {layout.Ring.Bits} bits, too few for its noise to be accounted for",
                    "give the ring more bits (aggregation.secure.ring_bits), a smaller range, or a larger clip");
            }
        }
    }

    /// <summary>What the ledger is asked for.</summary>
    /// <param name="plan">The plan.</param>
    public LedgerTerms ToTerms(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new LedgerTerms
        {
            Mechanism = Mechanism,
            Unit = plan.Privacy.Unit,
            Z = NoiseMultiplier,
            ZEff = EffectiveNoiseMultiplier,
            Q = 1,
            Steps = 1,
            Clip = plan.Privacy.IsRecordOnRing ? plan.Privacy.ExampleClip : plan.Aggregation.Secure.UpdateClip,
            Rdp = Round,
            PldEps = Epsilon,
            Delta = plan.Privacy.Delta,
            AccountantVersion = DpSgdAccountant.Version,
            SamplerProfile = "exact",
        };
    }

    // Fractional orders are proven for the discrete Gaussian only.
    private static ImmutableArray<double> Orders(LedgerMechanism mechanism) => mechanism == LedgerMechanism.Skellam ? RdpOrders.Distributed : RdpOrders.Job;

    private static decimal EpsilonOf(LedgerMechanism mechanism, double effective, long rounds, double delta)
    {
        double epsilon = Rdp(mechanism, Orders(mechanism), effective).Times(rounds).Epsilon(delta).Epsilon;
        return double.IsFinite(epsilon)
            ? LedgerRdp.RoundUp(epsilon, EpsilonPlaces)
            : throw PrivacyArguments.Refusal(ErrorCodes.AccountantNotFinite, "epsilon", "a finite number", PrivacyArguments.Text(epsilon));
    }
}
