// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Cli.Reports.Privacy;

/// <summary>A plan's privacy claim in the words of a report (privacy, section 1).</summary>
internal static class PrivacyClaims
{
    /// <summary>What is printed instead of a claim.</summary>
    public const string NoClaim = "no differential privacy";

    /// <summary>What is printed beside a claim, or instead of it, where every silo lists its data as public.</summary>
    public const string PublicData = "public data";

    /// <summary>What is printed of a number that a silo computes and keeps.</summary>
    public const string Local = "local to the silo";

    /// <summary>The run's mode: its claim, no differential privacy, or public data.</summary>
    public static string Mode(RunConfig plan) => (plan.Privacy.IsClaimed, plan.IsPublic) switch
    {
        (false, true) => $"{PublicData}; {NoClaim}",
        (false, false) => NoClaim,
        (true, true) => $"{PublicData}; claim {Claim(plan.Privacy)}",
        _ => $"claim {Claim(plan.Privacy)}",
    };

    /// <summary>Claim A, B or C.</summary>
    public static string Claim(PrivacyPlan privacy) => privacy.Claim switch
    {
        PrivacyClaim.Example => "A, example-level, made in the silo",
        PrivacyClaim.Distributed => "B, distributed, noise shares on the ring",
        PrivacyClaim.Silo => "C, silo-level, noise shares on the ring",
        _ => NoClaim,
    };

    /// <summary>What is protected as one.</summary>
    public static string Unit(PrivacyPlan privacy) => privacy.Unit switch
    {
        PrivacyUnit.Person => "person: all records of one person in one silo",
        PrivacyUnit.Silo => "silo: one silo's whole contribution",
        _ => "record: one training record in one silo",
    };

    /// <summary>What neighbouring data sets differ in.</summary>
    public static string Neighbours(PrivacyPlan privacy) => privacy.Unit switch
    {
        PrivacyUnit.Person => "all records of one person in the silo added or removed",
        PrivacyUnit.Silo => "one silo's vector replaced by zero; that it takes part is public",
        _ => "one record in the silo added or removed",
    };

    /// <summary>Against whom it holds.</summary>
    public static string Adversary(PrivacyPlan privacy) => privacy.Claim switch
    {
        PrivacyClaim.Example => "coordinator, other silos, users of the model",
        PrivacyClaim.Distributed => "a coordinator that sees only the sum, up to c_max colluding silos, users of the model",
        _ => "users of the model; the coordinator sees only the sum",
    };

    /// <summary>What stands beside every number of the plan's claim.</summary>
    public static PrivacyScope Scope(RunConfig plan) => new(
        Claim(plan.Privacy),
        Unit(plan.Privacy),
        Adversary(plan.Privacy),
        plan.IsPublic ? PrivacyScope.Demonstration : null);
}
