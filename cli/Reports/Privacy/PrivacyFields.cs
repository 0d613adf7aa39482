// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Cli.Reports.Privacy;

/// <summary>What a report says about the privacy of a run: from the plan, and computed from it as silos and coordinator compute it.</summary>
/// <remarks>Amounts of single silos are not in the log; under claim A noise and sampling rate follow from a silo's own number of records and stay there.</remarks>
internal static class PrivacyFields
{
    private const string LocalToTheSilo = "local to the silo";
    private const string Effective = "effective noise multiplier z_eff";
    private const string Amounts = "the amounts stay in the silos: an entry of a ledger in the log has hashes only, and no silo has disclosed an amount in this evidence";

    /// <summary>Claim, or that there is none.</summary>
    public static FieldContent Claim(ReportContext report) => report.OfPlan(plan => FieldContent.Of(report.Planned(PrivacyClaims.Mode(plan))));

    /// <summary>What is protected as one.</summary>
    public static FieldContent Unit(ReportContext report) => Claimed(report, plan => FieldContent.Of(report.Planned(PrivacyClaims.Unit(plan.Privacy))));

    /// <summary>What neighbouring data sets differ in.</summary>
    public static FieldContent Neighbours(ReportContext report) => Claimed(report, plan => FieldContent.Of(report.Planned(PrivacyClaims.Neighbours(plan.Privacy))));

    /// <summary>Against whom.</summary>
    public static FieldContent Adversary(ReportContext report) => Claimed(report, plan => FieldContent.Of(report.Planned(PrivacyClaims.Adversary(plan.Privacy))));

    /// <summary>Steps in a round, and in all that silos reserve for.</summary>
    public static FieldContent Steps(ReportContext report) => Claimed(report, plan =>
    {
        long each = plan.Privacy.IsOnRing ? 1 : plan.Training.LocalSteps;
        return FieldContent.Of(Number(report, plan, each, "steps a round"), Number(report, plan, (plan.Rounds + plan.Privacy.SpareRounds) * each, "steps, the reserved maximum"));
    });

    /// <summary>The clip norm.</summary>
    public static FieldContent Clip(ReportContext report) => Claimed(report, plan =>
        FieldContent.Of(Real(report, plan, plan.Privacy.Unit == PrivacyUnit.Silo ? plan.Aggregation.Secure.UpdateClip : plan.Privacy.ExampleClip, "L2 norm")));

    /// <summary>Delta.</summary>
    public static FieldContent Delta(ReportContext report) => Claimed(report, plan => FieldContent.Of(Real(report, plan, plan.Privacy.Delta, "delta")));

    /// <summary>z.</summary>
    public static FieldContent Noise(ReportContext report) => Claimed(report, plan => FieldContent.Of(plan.Privacy.NoiseMultiplier is { } noise ? Real(report, plan, noise, "noise multiplier z") : Local(plan, report)));

    /// <summary>z_eff.</summary>
    public static FieldContent EffectiveNoise(ReportContext report) => Claimed(report, plan => (plan.Privacy.IsOnRing, plan.Privacy.NoiseMultiplier) switch
    {
        (true, _) => FieldContent.Of(Computed(report, plan, DistributedPrivacy.Of(plan).EffectiveNoiseMultiplier, Effective)),
        (_, { } noise) => FieldContent.Of(Computed(report, plan, Down(new GridNoisePlan((double)noise, (double)plan.Privacy.ExampleClip, ExamplePrivacy.MaxCoordinates).EffectiveNoiseMultiplier), Effective)),
        _ => FieldContent.Of(Local(plan, report)),
    });

    /// <summary>q.</summary>
    public static FieldContent SamplingRate(ReportContext report) => OnRing(report, (plan, _) => Computed(report, plan, 1, "sampling rate q") with { Note = "every record, or silo, takes part in every round" });

    /// <summary>The epsilon that the plan gives.</summary>
    public static FieldContent PlanEpsilon(ReportContext report) => Claimed(report, plan => plan.Privacy.Epsilon is { } epsilon
        ? FieldContent.Of(Real(report, plan, epsilon, "epsilon"))
        : FieldContent.None("the plan gives the noise, and no epsilon"));

    /// <summary>What an unused ledger needs.</summary>
    public static FieldContent LedgerEpsilon(ReportContext report) => OnRing(report, (plan, figures) =>
        Computed(report, plan, new ClaimAccount(figures.ToTerms(plan), figures.MaxRounds).LedgerEpsilon(), "epsilon that an unused ledger of the same delta needs"));

    /// <summary>Of one round alone.</summary>
    public static FieldContent RoundEpsilon(ReportContext report) => OnRing(report, (plan, figures) => Computed(report, plan, figures.RoundEpsilon, "epsilon of one round"));

    /// <summary>Of the job at its reserved maximum.</summary>
    public static FieldContent JobEpsilon(ReportContext report) => Claimed(report, plan => (plan.Privacy.IsOnRing, plan.Privacy.Epsilon) switch
    {
        (true, _) => FieldContent.Of(Computed(report, plan, DistributedPrivacy.Of(plan).Epsilon, "epsilon of the job at its reserved maximum of steps")),
        (_, { } most) => FieldContent.Of(Real(report, plan, most, "epsilon of the job at its reserved maximum of steps, at most, for each silo's data set")),
        _ => FieldContent.Of(Local(plan, report)),
    });

    /// <summary>Of the job at the rounds in which updates left silos: stopping may depend on the data, so it guarantees nothing.</summary>
    public static FieldContent RealisedEpsilon(ReportContext report) => OnRing(report, (plan, _) =>
    {
        int rounds = report.Run.Rounds.Count(round => round.Masked.Length > 0);
        if (rounds == 0)
        {
            return null;
        }

        RunConfig realised = plan with { Rounds = rounds, Privacy = plan.Privacy with { SpareRounds = 0 } };
        ReportValue value = Computed(report, plan, DistributedPrivacy.Of(realised).Epsilon, string.Create(CultureInfo.InvariantCulture, $"epsilon at {rounds} realised rounds"));
        return value with { Scope = value.Scope?.With(PrivacyScope.NotAGuarantee) };
    });

    /// <summary>Of the ledgers' period.</summary>
    public static FieldContent PeriodEpsilon(ReportContext report) => Claimed(report, _ => FieldContent.None(Amounts));

    /// <summary>Of the data sets' lifetime.</summary>
    public static FieldContent LifetimeEpsilon(ReportContext report) => Claimed(report, _ => FieldContent.None(Amounts));

    /// <summary>Charges of the mechanism <c>metric</c>.</summary>
    public static FieldContent MetricCharges(ReportContext report) => Claimed(report, _ => FieldContent.None("the log does not name the mechanism of a charge"));

    /// <summary>The entries that charged one round.</summary>
    public static FieldContent Charges(ReportContext report, RoundAttempt round) => Claimed(report, _ => round.Charges.Length > 0
        ? FieldContent.Of(ReportValue.Of(round.Charges.Length, ValueSource.Log, "charges of silos' ledgers").Proved(round.Charges.Select(record => record.Cite)))
        : report.NoneLogged());

    /// <summary>Which accountant.</summary>
    public static FieldContent Accountant(ReportContext report) => Claimed(report, plan => FieldContent.Of(new ReportValue(PrivacyClaims.Accountant(plan.Privacy), ValueSource.Product)
    {
        Note = "of the program that wrote this report; the silos' ledgers name theirs, and keep it",
    }));

    /// <summary>Which sampler.</summary>
    public static FieldContent Sampler(ReportContext report) => Claimed(report, plan => FieldContent.Of(report.Planned(PrivacyClaims.Sampler(plan))));

    /// <summary>The largest true-positive rate of a membership test at a false-positive rate of 1e-3.</summary>
    /// <remarks>Kairouz, Oh and Viswanath 2015, Theorem 2.1, with the two bounds that one (epsilon, delta) gives: TPR ≤ e^ε FPR + δ and TPR ≤ 1 − e^−ε (1 − δ − FPR).</remarks>
    public static FieldContent MembershipBound(ReportContext report) => Claimed(report, plan =>
    {
        decimal? epsilon = plan.Privacy.IsOnRing ? DistributedPrivacy.Of(plan).Epsilon : plan.Privacy.Epsilon;
        if (epsilon is not { } most)
        {
            return FieldContent.None("the plan gives the noise, so each silo's epsilon is local to it");
        }

        (double e, double delta) = ((double)most, (double)plan.Privacy.Delta);
        double bound = Math.Min(1, Math.Min((Math.Exp(e) * 1e-3) + delta, 1 - (Math.Exp(-e) * (1 - delta - 1e-3))));
        return FieldContent.Of(Computed(report, plan, Math.Ceiling((decimal)bound * 1_000_000) / 1_000_000, "largest true-positive rate at a false-positive rate of 0.001"));
    });

    /// <summary>What epsilon does not count.</summary>
    public static FieldContent Exclusions(ReportContext report) => Claimed(report, plan =>
    {
        ReportValue[] excluded = [.. PrivacyExclusions.Of(report)];
        return FieldContent.Of(excluded.Length > 0 ? excluded : [new ReportValue("none", ValueSource.Log) { Note = "ε excludes nothing that this log shows: no gate and no vote by basis 'excluded', and no run without differential privacy that silos of this run approved" }]);
    });

    private static decimal Down(double value) => Math.Floor((decimal)value * 1_000_000_000_000) / 1_000_000_000_000;

    private static FieldContent Claimed(ReportContext report, Func<RunConfig, FieldContent> field) =>
        report.OfPlan(plan => plan.Privacy.IsClaimed ? field(plan) : FieldContent.None(PrivacyClaims.Mode(plan)));

    // On the ring all figures follow from the plan; in the silo they also need what the silo keeps.
    private static FieldContent OnRing(ReportContext report, Func<RunConfig, DistributedPrivacy, ReportValue?> field) => Claimed(report, plan => plan.Privacy.IsOnRing
        ? field(plan, DistributedPrivacy.Of(plan)) is { } value ? FieldContent.Of(value) : FieldContent.None("no update has left a silo")
        : FieldContent.Of(Local(plan, report)));

    private static ReportValue Local(RunConfig plan, ReportContext report) => report.Planned(LocalToTheSilo) with { Scope = PrivacyScope.Of(plan) };

    private static ReportValue Number(ReportContext report, RunConfig plan, long number, string unit) => report.Planned(number, unit) with { Scope = PrivacyScope.Of(plan) };

    private static ReportValue Real(ReportContext report, RunConfig plan, decimal number, string unit) => report.Planned(DecimalString.Format(number), unit) with { Scope = PrivacyScope.Of(plan) };

    private static ReportValue Computed(ReportContext report, RunConfig plan, decimal number, string unit) =>
        new ReportValue(DecimalString.Format(number), ValueSource.Computed) { Unit = unit, Scope = PrivacyScope.Of(plan) }.Proved(report.PlanCited);
}
