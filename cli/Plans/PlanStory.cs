// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Plans;

/// <summary>A plan in plain words: what happens, what leaves a silo, what is protected and what is not.</summary>
internal static class PlanStory
{
    /// <summary>The story's lines.</summary>
    /// <param name="config">The plan.</param>
    /// <param name="figures">Secure aggregation in numbers; null in plain mode, and where the number of silos is not known.</param>
    public static IEnumerable<string> Of(RunConfig config, SecureFigures? figures)
    {
        bool secure = config.Aggregation.IsSecure;
        yield return $"What happens: {config.Rounds} rounds. In each, the silos train {config.Training.LocalSteps} steps on their own records; a round commits with at least {Updates(config, figures)}.";
        yield return $"What leaves a silo: {Travels(config.Algorithm)}; {(secure ? "masked, " : string.Empty)}signed and encrypted for the coordinator.{(config.Metrics.EvalLoss && (config.IsPublic || !config.Privacy.IsClaimed) ? " The evaluation loss too, where the silo's policy allows it." : string.Empty)}";
        if (figures is not null)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"On the wire: {figures.BytesPerParameter} bytes a parameter (k = {figures.RingBits} bits, of which b = {figures.CoordinateBits} for one silo); values are rounded to steps of {figures.Step:0.0e-0}{(figures.RingBits == 16 ? " after a rotation, which pads the update's last block to a power of two" : string.Empty)}.");
        }

        yield return secure
            ? $"What is protected: records stay in their silo; the masks of single updates cancel only in the sum, so the coordinator sees no single update{(figures is null ? string.Empty : $", not even with {Silos(figures.MayCollude)} on its side")}."
            : "What is protected: records stay in their silo; nobody on the way can read or change an update.";
        if (config.Privacy.IsClaimed)
        {
            yield return $"What is not protected: what the table below does not claim{(config.Aggregation.Weighting == Weighting.Declared ? ", and the declared weights" : string.Empty)}. No loss or score on private records leaves a silo.";
            yield break;
        }

        yield return $"What is not protected: {(secure ? $"the sum itself{(config.Aggregation.Weighting == Weighting.Declared ? " and the declared weights" : string.Empty)}" : "in plain mode the coordinator's operator can open single updates")}, and without differential privacy {(secure ? "sum" : "updates")} and model may reveal training records.";
    }

    private static string Updates(RunConfig config, SecureFigures? figures)
    {
        int quorum = config.Participation.Quorum;
        return (config.Aggregation.IsSecure, figures) switch
        {
            (false, _) => $"{quorum} updates",
            (true, null) => $"{quorum} updates, and of more than two thirds of the silos (--silos N says how many)",
            (true, _) => $"{figures.Needed} updates of {figures.Silos} silos (t = {figures.Threshold}), so {(figures.MayBeMissing == 0 ? "none" : figures.MayBeMissing)} may be missing",
        };
    }

    private static string Travels(Algorithm algorithm) => algorithm switch
    {
        Algorithm.FfaLora => "the B factors of every adapted module; A is the same everywhere, from the seed",
        Algorithm.Rolora => "the B factors in odd rounds and the A factors in even ones",
        _ => "both factors, although the average of each is not the average of their products",
    };

    private static string Silos(int count) => count == 1 ? "1 silo" : $"{count} silos";
}
