// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Reports.Document;

/// <summary>What has to stand beside every number about privacy (compliance reports, rule C2).</summary>
/// <param name="Claim">The claim.</param>
/// <param name="Unit">What is protected as one.</param>
/// <param name="Adversary">Against whom.</param>
/// <param name="Label">What the number is not: <c>demonstration</c>, <c>not a guarantee</c>; null for none.</param>
internal sealed record PrivacyScope(string Claim, string Unit, string Adversary, string? Label)
{
    /// <summary>The label of a number at the steps that were really made.</summary>
    public const string NotAGuarantee = "not a guarantee";

    /// <summary>The label of an epsilon on public data.</summary>
    public const string Demonstration = "demonstration";

    /// <summary>What stands beside every number of a plan's claim.</summary>
    public static PrivacyScope Of(RunConfig plan) => new(PrivacyClaims.Claim(plan.Privacy), PrivacyClaims.Unit(plan.Privacy), PrivacyClaims.Adversary(plan.Privacy), plan.IsPublic ? Demonstration : null);

    /// <summary>The same scope with one label more.</summary>
    public PrivacyScope With(string label) => this with { Label = Label is null ? label : $"{Label}; {label}" };
}
