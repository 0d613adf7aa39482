// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;

namespace FedCloud.Protocol.Privacy;

/// <summary>What claim A of a plan comes to at a silo: its sampling rate, its noise, and what that costs (privacy, section 2).</summary>
/// <remarks>It follows from the plan and the silo's declared number of records or persons, so it is frozen with both. All of it stays in the silo.</remarks>
public sealed record ExamplePrivacy
{
    /// <summary>The most trained parameters for which the accounting holds; its noise multiplier is one for all of them, so the silo need not know the model to reserve.</summary>
    public const long MaxCoordinates = 1L << 30;

    private const byte NoisePlaces = 9;
    private const byte RatePlaces = 12;
    private const decimal RateUnits = 1_000_000_000_000m;
    private const byte EpsilonPlaces = 6;

    /// <summary>N, the declared number of units.</summary>
    public required long Units { get; init; }

    /// <summary>q: expected batch over N, rounded up to twelve places.</summary>
    public required decimal SamplingRate { get; init; }

    /// <summary>z: the standard deviation of the noise over the clip norm.</summary>
    public required decimal NoiseMultiplier { get; init; }

    /// <summary>z_eff: what is left of z once rounding to the noise's grid is paid for, rounded down to twelve places.</summary>
    public required decimal EffectiveNoiseMultiplier { get; init; }

    /// <summary>The most rounds that are charged: the plan's and the spare ones.</summary>
    public required int MaxRounds { get; init; }

    /// <summary>Steps in a round.</summary>
    public required int StepsPerRound { get; init; }

    /// <summary>Delta.</summary>
    public required decimal Delta { get; init; }

    /// <summary>What one round costs the ledger.</summary>
    public required LedgerRdp Round { get; init; }

    /// <summary>The epsilon of the job at its most rounds, by PLD, rounded up to six places: what the silo reports.</summary>
    public required decimal Epsilon { get; init; }

    /// <summary>The most steps.</summary>
    public long MaxSteps => (long)MaxRounds * StepsPerRound;

    /// <summary>The epsilon of one round alone, by PLD.</summary>
    /// <param name="terms">The terms of a plan with claim A.</param>
    public static decimal RoundEpsilon(LedgerTerms terms)
    {
        ArgumentNullException.ThrowIfNull(terms);
        return LedgerRdp.RoundUp(DpSgdAccountant.Epsilon((double)terms.ZEff, (double)terms.Q, terms.Steps, (double)terms.Delta), EpsilonPlaces);
    }

    /// <summary>What the ledger is asked for.</summary>
    /// <param name="plan">The plan's privacy.</param>
    public LedgerTerms ToTerms(PrivacyPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new LedgerTerms
        {
            Mechanism = LedgerMechanism.Dpsgd,
            Unit = plan.Unit,
            Z = NoiseMultiplier,
            ZEff = EffectiveNoiseMultiplier,
            Q = SamplingRate,
            Steps = StepsPerRound,
            Clip = plan.ExampleClip,
            Rdp = Round,
            PldEps = Epsilon,
            Delta = Delta,
            AccountantVersion = DpSgdAccountant.Version,
            SamplerProfile = plan.Noise == NoiseProfile.Exact ? "exact" : "rounded",
        };
    }

    /// <summary>Computes the figures; takes seconds at most.</summary>
    /// <param name="plan">A plan with claim A.</param>
    /// <param name="units">N, the silo's declared number of records or persons.</param>
    /// <exception cref="FedCloudException"><c>sampling_rate_invalid</c>, <c>delta_too_large</c>, <c>epsilon_unreachable</c> or <c>accountant_not_finite</c>.</exception>
    public static ExamplePrivacy Of(RunConfig plan, long units)
    {
        ArgumentNullException.ThrowIfNull(plan);
        PrivacyPlan privacy = plan.Privacy;
        if (privacy.Claim != PrivacyClaim.Example)
        {
            throw new ArgumentException("the plan does not claim privacy of examples", nameof(plan));
        }

        double delta = (double)privacy.Delta;
        DpSgdAccountant.RequireDelta(delta, units);
        if (privacy.ExpectedBatch > units)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.SamplingRateInvalid, "privacy.expected_batch", $"at most the {units} {(privacy.Unit == PrivacyUnit.Person ? "persons" : "records")} that the silo declares", privacy.ExpectedBatch.ToString(CultureInfo.InvariantCulture));
        }

        decimal rate = Math.Ceiling(privacy.ExpectedBatch * RateUnits / units) / RateUnits;
        int rounds = plan.Rounds + privacy.SpareRounds;
        long steps = (long)rounds * plan.Training.LocalSteps;
        double clip = (double)privacy.ExampleClip;
        decimal noise = privacy.NoiseMultiplier ?? OnGrid(DpSgdAccountant.NoiseMultiplier((double)(privacy.Epsilon ?? throw new ArgumentException("the plan gives neither noise nor epsilon", nameof(plan))), (double)rate, steps, delta), clip);
        decimal effective = Effective(noise, clip);
        return new ExamplePrivacy
        {
            Units = units,
            SamplingRate = rate,
            NoiseMultiplier = noise,
            EffectiveNoiseMultiplier = effective,
            MaxRounds = rounds,
            StepsPerRound = plan.Training.LocalSteps,
            Delta = privacy.Delta,
            Round = LedgerRdp.Of(DpSgdAccountant.Rdp(RdpOrders.Ledger, (double)effective, (double)rate, plan.Training.LocalSteps)),
            Epsilon = LedgerRdp.RoundUp(DpSgdAccountant.Epsilon((double)effective, (double)rate, steps, delta), EpsilonPlaces),
        };
    }

    // The smallest z of nine places of which the grid leaves what is wanted.
    private static decimal OnGrid(double wanted, double clip)
    {
        decimal noise = LedgerRdp.RoundUp(wanted, NoisePlaces);
        while ((double)Effective(noise, clip) < wanted)
        {
            double missing = 1 - ((double)Effective(noise, clip) / wanted);
            noise = LedgerRdp.RoundUp((double)noise * (1 + missing), NoisePlaces) + 0.000000001m;
        }

        return noise;
    }

    private static decimal Effective(decimal noise, double clip) =>
        -LedgerRdp.RoundUp(-new GridNoisePlan((double)noise, clip, MaxCoordinates).EffectiveNoiseMultiplier, RatePlaces);
}
