// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Plans;

/// <summary>A plan's privacy claim in the words of reports and pages (privacy, section 1 and rule P1).</summary>
public static class PrivacyClaims
{
    /// <summary>What is printed instead of a claim.</summary>
    public const string NoClaim = "no differential privacy";

    /// <summary>What is printed beside a claim, or instead of it, where every silo lists its data as public.</summary>
    public const string PublicData = "public data";

    /// <summary>The run's mode: its claim, no differential privacy, or public data.</summary>
    public static string Mode(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return (plan.Privacy.IsClaimed, plan.IsPublic) switch
        {
            (false, true) => $"{PublicData}; {NoClaim}",
            (false, false) => NoClaim,
            (true, true) => $"{PublicData}; claim {Claim(plan.Privacy)}",
            _ => $"claim {Claim(plan.Privacy)}",
        };
    }

    /// <summary>Claim A, B or C.</summary>
    public static string Claim(PrivacyPlan privacy)
    {
        ArgumentNullException.ThrowIfNull(privacy);
        return privacy.Claim switch
        {
            PrivacyClaim.Example => "A, example-level, made in the silo",
            PrivacyClaim.Distributed => "B, distributed, noise shares on the ring",
            PrivacyClaim.Silo => "C, silo-level, noise shares on the ring",
            _ => NoClaim,
        };
    }

    /// <summary>What is protected as one.</summary>
    public static string Unit(PrivacyPlan privacy)
    {
        ArgumentNullException.ThrowIfNull(privacy);
        return privacy.Unit switch
        {
            PrivacyUnit.Person => "person: all records of one person in one silo",
            PrivacyUnit.Silo => "silo: one silo's whole contribution",
            _ => "record: one training record in one silo",
        };
    }

    /// <summary>What neighbouring data sets differ in.</summary>
    public static string Neighbours(PrivacyPlan privacy)
    {
        ArgumentNullException.ThrowIfNull(privacy);
        return privacy.Unit switch
        {
            PrivacyUnit.Person => "all records of one person in the silo added or removed",
            PrivacyUnit.Silo => "one silo's vector replaced by zero; that it takes part is public",
            _ => "one record in the silo added or removed",
        };
    }

    /// <summary>Against whom it holds.</summary>
    public static string Adversary(PrivacyPlan privacy)
    {
        ArgumentNullException.ThrowIfNull(privacy);
        return privacy.Claim switch
        {
            PrivacyClaim.Example => "coordinator, other silos, users of the model",
            PrivacyClaim.Distributed => "a coordinator that sees only the sum, up to c_max colluding silos, users of the model",
            _ => "users of the model; the coordinator sees only the sum",
        };
    }

    /// <summary>Which accountant, of this program.</summary>
    public static string Accountant(PrivacyPlan privacy)
    {
        ArgumentNullException.ThrowIfNull(privacy);
        return $"{(privacy.IsOnRing ? "RDP" : "PLD")}, version {DpSgdAccountant.Version}";
    }

    /// <summary>Which sampler of noise, and who takes part.</summary>
    public static string Sampler(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return (plan.Privacy.IsOnRing, plan.Privacy.Noise) switch
        {
            (true, _) => $"exact, {(DistributedPrivacy.MechanismOf(plan.Aggregation.Secure.RingBits) == LedgerMechanism.Skellam ? "Skellam" : "discrete Gaussian")}; everybody takes part in every round",
            (_, NoiseProfile.Exact) => "exact, discrete Gaussian on a grid; Poisson sampling",
            _ => "rounded Gaussian on a grid, not exact in the tail; Poisson sampling",
        };
    }
}
