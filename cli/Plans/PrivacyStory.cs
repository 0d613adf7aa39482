// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Cli.Plans;

/// <summary>A plan's privacy claim as a table: what is claimed against whom, and what it costs silos of some sizes.</summary>
internal static class PrivacyStory
{
    private const int NameWidth = 24;
    private const int ColumnWidth = 14;
    private const string OneRecord = "one record added or removed";

    /// <summary>The table's lines; none without a claim.</summary>
    public static IEnumerable<string> Of(RunConfig config, IReadOnlyList<ClaimFigures> figures)
    {
        PrivacyPlan privacy = config.Privacy;
        if (!privacy.IsClaimed)
        {
            yield break;
        }

        string unit = Unit(privacy);
        yield return string.Empty;
        foreach (string line in privacy.IsOnRing ? OnRing(config) : InSilo(config))
        {
            yield return line;
        }

        yield return string.Empty;
        if (privacy.Unit != PrivacyUnit.Silo)
        {
            yield return Row($"a silo of {unit}s", Columns(figures, figure => Text($"{figure.Units:N0}")));
        }

        yield return Row("sampling rate", Columns(figures, figure => Text($"{figure.SamplingRate:0.######}")));
        yield return Row("noise multiplier", Columns(figures, figure => Text($"{figure.NoiseMultiplier:0.####}")));
        yield return Row("epsilon of one round", Columns(figures, figure => Text($"{figure.RoundEpsilon:0.####}")));
        yield return Row("epsilon at the end", Columns(figures, figure => Text($"{figure.Epsilon:0.####}")));
        yield return Row("its ledger needs", Columns(figures, figure => Text($"{figure.LedgerEpsilon:0.####}")));
        foreach (ClaimFigures refused in figures.Where(figure => figure.Refused is not null))
        {
            yield return Text($"A silo of {refused.Units:N0} {unit}s refuses: {refused.Refused}");
        }

        yield return string.Empty;
        yield return privacy.Unit == PrivacyUnit.Silo
            ? "Epsilon compares a silo's part with zeros; that it takes part is public. It does not add up other runs on the same data (the ledger does), or a search for good settings on private data."
            : $"Epsilon holds for a silo's share of the run. It does not add up a {unit} in several silos, other runs on the same data (the ledger does), or a search for good settings on private data{(privacy.Unit == PrivacyUnit.Record ? "; somebody with several records is protected less" : string.Empty)}.";
        if (config.IsPublic)
        {
            yield return "The data is public, so epsilon is a demonstration.";
        }
    }

    private static IEnumerable<string> InSilo(RunConfig config)
    {
        PrivacyPlan privacy = config.Privacy;
        string adjacent = privacy.Unit == PrivacyUnit.Person ? "all records of one person in the silo added or removed" : OneRecord;
        yield return Row("privacy claim", $"example-level (DP-SGD in the silo); {adjacent}");
        yield return Row("holds against", "the coordinator, other silos, and users of the model");
        yield return Row("noise", Text($"{(privacy.Noise == NoiseProfile.Exact ? "discrete Gaussian, exact" : "rounded Gaussian, not exact in the tail")}; gradients clipped to {privacy.ExampleClip} ({Words(privacy.Clipping)})"));
        yield return Row("accountant", $"PLD, {DpSgdAccountant.Version}; Poisson sampling; delta {Scientific((double)privacy.Delta)}");
        yield return Row("charged at most", Text($"{config.Rounds + privacy.SpareRounds} rounds ({privacy.SpareRounds} spare) of {config.Training.LocalSteps} steps"));
    }

    private static IEnumerable<string> OnRing(RunConfig config)
    {
        PrivacyPlan privacy = config.Privacy;
        bool isRecord = privacy.Unit == PrivacyUnit.Record;
        string sampler = DistributedPrivacy.MechanismOf(config.Aggregation.Secure.RingBits) == LedgerMechanism.Skellam ? "Skellam" : "discrete Gaussian";
        yield return Row("privacy claim", $"{(privacy.Claim == PrivacyClaim.Silo ? "silo-level" : "distributed")} (shares of noise on the ring); {(isRecord ? OneRecord : "one silo's update replaced by zeros")}");
        yield return Row("holds against", "a coordinator and up to c_max colluding silos, who see only the sum, and users of the model");
        yield return Row("noise", isRecord
            ? Text($"{sampler}, exact; the honest silos' noise together is {privacy.NoiseMultiplier} times one record's bound; gradients clipped to {privacy.ExampleClip} ({Words(privacy.Clipping)})")
            : Text($"{sampler}, exact; the honest silos' noise together is {privacy.NoiseMultiplier} times one silo's bound; updates clipped to {config.Aggregation.Secure.UpdateClip}"));
        yield return Row("accountant", $"RDP, {DpSgdAccountant.Version}; {(isRecord ? "every record in every step" : "every silo in every round")}; delta {Scientific((double)privacy.Delta)}");
        yield return Row("charged at most", Text($"{config.Rounds + privacy.SpareRounds} rounds ({privacy.SpareRounds} spare){(isRecord ? " of 1 step" : string.Empty)}"));
        if (!isRecord)
        {
            yield return Row("beside the signal", Text($"with n silos of one mind the sum is n updates long, the noise at least {privacy.NoiseMultiplier} in each direction: with 50 silos 1/{50 / (privacy.NoiseMultiplier ?? 1):0.#} of it"));
        }
    }

    private static string Unit(PrivacyPlan privacy) => privacy.Unit switch
    {
        PrivacyUnit.Person => "person",
        PrivacyUnit.Silo => "silo",
        _ => "record",
    };

    private static string Row(string name, string value) => name.PadRight(NameWidth) + value;

    private static string Columns(IReadOnlyList<ClaimFigures> figures, Func<ClaimFigures, string> show) =>
        string.Concat(figures.Select(figure => (show(figure) is { Length: > 0 } text ? text : "-").PadLeft(ColumnWidth)));

    private static string Words(GradientClipping clipping) => clipping switch
    {
        GradientClipping.PerLayer => "each module by itself",
        GradientClipping.Automatic => "always scaled",
        _ => "if longer",
    };

    private static string Scientific(double value) => value.ToString("0.###e-0", CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
