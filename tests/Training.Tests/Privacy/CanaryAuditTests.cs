// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Jobs;
using FedCloud.Training.Privacy;
using Xunit.Abstractions;

namespace FedCloud.Training.Tests.Privacy;

/// <summary>The empirical check of private training (privacy, section 7): what a strong attack finds is within the claim, and beyond it once something is broken.</summary>
/// <remarks>
/// How many guesses an attack makes was fixed before it ran. Keys are fixed, so the results are too. The figures of docs/privacy.md are the output of these tests.
/// </remarks>
public sealed class CanaryAuditTests(ITestOutputHelper output) : IDisposable
{
    private const int ModelSteps = 16;
    private const int ModelCanaries = 500;
    private const int ModelGuesses = ModelCanaries / 10;
    private const int Canaries = 4000;
    private const int Guesses = Canaries / 20;
    private const int RingCanaryCount = 2000;
    private const int RingGuesses = RingCanaryCount / 20;

    private readonly CanaryClaim _claim = new(NoiseMultiplier: 2, SamplingRate: 0.125, Steps: 64);
    private readonly CanaryClaim _ringClaim = new(NoiseMultiplier: 12, SamplingRate: 1, Steps: 64);
    private readonly PrivateTask _task = new() { Exchanged = ExchangedFactor.B };

    /// <summary>How a test breaks the steps whose epsilon is claimed.</summary>
    public enum Fault
    {
        None,
        NoNoise,
        HalfTheNoise,
        QuarterOfTheNoise,
        LooseClipping,
        EveryoneEnters,
    }

    [Theory]
    [InlineData("flat", "exact")]
    [InlineData("flat", "rounded")]
    [InlineData("per_layer", "rounded")]
    [InlineData("automatic", "rounded")]
    public void Steps_AsClaimed_LeakNoMoreThanClaimed(string clipping, string noise)
    {
        CanaryScores scores = Attacked(Fault.None, clipping, noise);

        Assert.InRange(CanaryClaim.LowerEpsilon(scores, Guesses), _claim.Epsilon / 4, _claim.Epsilon);
        Assert.False(_claim.FindsTooMany(scores, 0.01));
        Assert.False(_claim.FindsTooMany(scores, 0.1));
    }

    [Theory]
    [InlineData(Fault.NoNoise)]
    [InlineData(Fault.QuarterOfTheNoise)]
    [InlineData(Fault.LooseClipping)]
    [InlineData(Fault.EveryoneEnters)]
    public void Steps_Broken_LeakMoreThanClaimed(Fault fault)
    {
        CanaryScores scores = Attacked(fault, "flat", "rounded");

        Assert.True(CanaryClaim.LowerEpsilon(scores, Guesses) > _claim.Epsilon);
        Assert.True(_claim.FindsTooMany(scores, 0.01));
        Assert.True(_claim.FindsTooMany(scores, 0.1));
    }

    // Below what the bound on epsilon finds with so many canaries: its figure is in docs/privacy.md.
    [Fact]
    public void Steps_HalfTheNoise_ShowInTheRates()
    {
        CanaryScores scores = Attacked(Fault.HalfTheNoise, "flat", "rounded");

        Assert.True(_claim.FindsTooMany(scores, 0.01));
        Assert.True(_claim.FindsTooMany(scores, 0.1));
    }

    [Theory]
    [InlineData(32)]
    [InlineData(24)]
    public void Ring_AsClaimed_LeaksNoMoreThanClaimed(int bits)
    {
        CanaryScores scores = OnRing(Fault.None, bits);

        Assert.InRange(CanaryClaim.LowerEpsilon(scores, RingGuesses), _ringClaim.Epsilon / 8, _ringClaim.Epsilon);
        Assert.False(_ringClaim.FindsTooMany(scores, 0.01));
        Assert.False(_ringClaim.FindsTooMany(scores, 0.1));
    }

    [Theory]
    [InlineData(Fault.NoNoise)]
    [InlineData(Fault.QuarterOfTheNoise)]
    [InlineData(Fault.LooseClipping)]
    public void Ring_Broken_LeaksMoreThanClaimed(Fault fault)
    {
        CanaryScores scores = OnRing(fault, bits: 32);

        Assert.True(CanaryClaim.LowerEpsilon(scores, RingGuesses) > _ringClaim.Epsilon);
        Assert.True(_ringClaim.FindsTooMany(scores, 0.01));
        Assert.True(_ringClaim.FindsTooMany(scores, 0.1));
    }

    [Fact]
    public void Training_AsClaimed_LeaksNoMoreThanClaimed()
    {
        (CanaryClaim claim, CanaryScores[] attacks) = Trained(Fault.None);

        Assert.All(attacks, scores => Assert.False(claim.FindsTooMany(scores, 0.1)));
        Assert.All(attacks, scores => Assert.InRange(CanaryClaim.LowerEpsilon(scores, ModelGuesses), 0, claim.Epsilon));
        Assert.True(CanaryClaim.LowerEpsilon(attacks[0], ModelGuesses) > claim.Epsilon / 8);
    }

    [Theory]
    [InlineData(Fault.NoNoise)]
    [InlineData(Fault.LooseClipping)]
    public void Training_Broken_LeaksMoreThanClaimed(Fault fault)
    {
        (CanaryClaim claim, CanaryScores[] attacks) = Trained(fault);

        Assert.All(attacks, scores => Assert.True(CanaryClaim.LowerEpsilon(scores, ModelGuesses) > claim.Epsilon));
        Assert.All(attacks, scores => Assert.True(claim.FindsTooMany(scores, 0.1)));
    }

    [Fact]
    public void Training_QuarterOfTheNoise_ShowsInTheRates()
    {
        (CanaryClaim claim, CanaryScores[] attacks) = Trained(Fault.QuarterOfTheNoise);

        Assert.True(claim.FindsTooMany(attacks[0], 0.1));
    }

    [Fact]
    public void Scores_OfKnownOrder_GiveTheGuessesAndRates()
    {
        // From the likeliest: in, in, out, in, out, in, out, out.
        CanaryScores scores = new([false, true, true, false, true, false, true, false], [-3, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]);

        Assert.Equal(new CanaryGuesses(8, 4, 4), scores.Guess(2));
        Assert.Equal(new CanaryGuesses(8, 8, 6), scores.Guess(4));
        Assert.Equal((4, 4), (scores.In, scores.Out));
        Assert.Equal([0.5, 0.5, 0.75, 1, 1], ((double[])[0.01, 0.24, 0.25, 0.5, 0.99]).Select(scores.TruePositiveRate));
    }

    public void Dispose() => _task.Dispose();

    private (CanaryClaim Claim, CanaryScores[] Attacks) Trained(Fault fault)
    {
        JobPrivacy claimed = _task.Privacy with { SamplingRate = 0.5, ExpectedBatch = 125, NoiseMultiplier = 4, ExampleClip = 0.1 };
        CanaryClaim claim = new(claimed.NoiseMultiplier, claimed.SamplingRate, ModelSteps);
        _task.Privacy = fault switch
        {
            Fault.NoNoise => claimed with { NoiseMultiplier = 1e-3 },
            Fault.QuarterOfTheNoise => claimed with { NoiseMultiplier = claimed.NoiseMultiplier / 4 },
            Fault.LooseClipping => claimed with { ExampleClip = 1e4 * claimed.ExampleClip, NoiseMultiplier = claimed.NoiseMultiplier / 1e4 }, // the noise is that of the claim
            _ => claimed,
        };
        (CanaryScores informed, CanaryScores blind) = new CanaryTraining(_task, ModelCanaries, ordinary: 20).Run(ModelSteps, key: 1000);
        output.WriteLine(claim.Figures($"a model, informed attack, {fault}", informed, ModelGuesses));
        output.WriteLine(claim.Figures($"a model, blind attack, {fault}", blind, ModelGuesses));
        return (claim, [informed, blind]);
    }

    private CanaryScores OnRing(Fault fault, int bits)
    {
        RingCanaries rounds = new(RingCanaryCount)
        {
            RingBits = bits,
            Loosened = fault is Fault.LooseClipping ? 4 : 1,
            NoiseMultiplier = fault switch
            {
                Fault.NoNoise => 1e-3,
                Fault.QuarterOfTheNoise => _ringClaim.NoiseMultiplier / 4,
                _ => _ringClaim.NoiseMultiplier,
            },
        };
        CanaryScores scores = rounds.Run(_ringClaim.Steps, key: 5000);
        output.WriteLine(_ringClaim.Figures($"noise on a ring of {bits} bits, {fault}", scores, RingGuesses));
        return scores;
    }

    private CanaryScores Attacked(Fault fault, string clipping, string noise)
    {
        OrthogonalCanaries steps = new(Canaries)
        {
            Mode = clipping switch
            {
                "flat" => ClippingMode.Flat,
                "per_layer" => ClippingMode.PerLayer,
                _ => ClippingMode.Automatic,
            },
            Profile = noise is "exact" ? NoiseProfile.Exact : NoiseProfile.Rounded,
            SamplingRate = fault is Fault.EveryoneEnters ? 1 : _claim.SamplingRate,
            Loosened = fault is Fault.LooseClipping ? 3 : 1,
            NoiseMultiplier = fault switch
            {
                Fault.NoNoise => 1e-3,
                Fault.QuarterOfTheNoise => _claim.NoiseMultiplier / 4,
                Fault.HalfTheNoise => _claim.NoiseMultiplier / 2,
                _ => _claim.NoiseMultiplier,
            },
        };
        CanaryScores scores = steps.Run(_claim.Steps, key: 3000);
        output.WriteLine(_claim.Figures($"steps, {clipping}, {noise}, {fault}", scores, Guesses));
        return scores;
    }
}
