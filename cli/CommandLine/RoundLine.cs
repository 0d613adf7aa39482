// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Cli.CommandLine;

/// <summary>A finished round in one line.</summary>
internal static class RoundLine
{
    /// <summary>The line.</summary>
    public static string Of(RoundRecord round)
    {
        int took = round.Members.Values.Count(member => member.Phase == MemberPhase.Verified);
        string missing = string.Join(", ", round.Members.Where(member => member.Value.Phase != MemberPhase.Verified).Select(member => $"{member.Key} ({When(round, member.Value)}{member.Value.Reason})"));
        string faulty = string.Join(", ", round.Members.Where(member => member.Value is { Phase: MemberPhase.Verified, Reason: not null }).Select(member => $"{member.Key} ({When(round, member.Value)}{member.Value.Reason})"));
        string without = (missing.Length == 0 ? string.Empty : $"; without {missing}") + (faulty.Length == 0 ? string.Empty : $"; no help from {faulty}") + Retried(round);
        string loss = MeanLoss(round) is { } mean ? string.Create(CultureInfo.InvariantCulture, $"  eval loss before {mean:F4}") : string.Empty;
        string up = took == 0 ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"  {round.Members.Values.Max(member => member.UploadedBytes) / 1024.0:F0} KiB up a silo{Ring(round)}");
        double seconds = (round.EndedAt - round.StartedAt).TotalSeconds;
        return round.Outcome switch
        {
            "evaluation" => $"final model evaluated by {took} silos{loss.Replace(" before", string.Empty, StringComparison.Ordinal)}",
            "committed" => string.Create(CultureInfo.InvariantCulture, $"round {round.Round}: {(round.Secure is null ? "committed from" : "sum of")} {took} {(round.Secure is null ? string.Empty : $"of {round.Members.Count} ")}silos{without}  {seconds:F1} s{up}{loss}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"round {round.Round}: abandoned ({round.Reason}){without}  {seconds:F1} s"),
        };
    }

    private static string When(RoundRecord round, RoundRecordMember member) => round.Secure is null ? string.Empty : member.Step switch
    {
        RoundStepName.Epoch => "since the epoch opened: ",
        RoundStepName.Agreement => "when agreeing: ",
        RoundStepName.Unmasking => "when unmasking: ",
        _ => "before masking: ",
    };

    private static string Retried(RoundRecord round) =>
        round.Secure is { Attempts: { IsEmpty: false } attempts } ? $"; attempt {attempts.Length + 1} after {string.Join(", ", attempts)}" : string.Empty;

    private static string Ring(RoundRecord round) => round.Secure is { } secure ? string.Create(CultureInfo.InvariantCulture, $", ring of {secure.K} bits") : string.Empty;

    /// <summary>The mean of the disclosed evaluation losses; null when there are none.</summary>
    public static double? MeanLoss(RoundRecord round)
    {
        double[] losses = [.. round.Members.Values.Select(LossOf).OfType<double>()];
        return losses.Length == 0 ? null : losses.Average();
    }

    /// <summary>One silo's disclosed evaluation loss.</summary>
    public static double? LossOf(RoundRecordMember member) =>
        member.Metrics.TryGetValue("eval_loss", out string? text) ? double.Parse(text, CultureInfo.InvariantCulture) : null;
}
