// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>How a round's updates lay in the ring, computed from the plan as silos and coordinator computed it.</summary>
internal static class RoundRingFields
{
    /// <summary>What encrypts a single update on its way, in plain mode its only cover.</summary>
    public const string EnvelopeSuite = "RSA-OAEP-256 with A256GCM-STREAM-1M";

    private const string PlainHasNone = "plain mode has no ring";

    public static FieldContent Suite(ReportContext report, RoundAttempt round) => FieldContent.Of(round.IsPlain
        ? new ReportValue($"plain mode: {EnvelopeSuite}", ValueSource.Product).Proved(round.Start.Cite)
        : new ReportValue(Fcsa1.Suite, ValueSource.Product).Proved(round.Start.Cite));

    public static FieldContent K(ReportContext report, RoundAttempt round) => round.IsPlain
        ? FieldContent.None(PlainHasNone)
        : FieldContent.Of(ReportValue.Of(round.Start.Integer("k"), ValueSource.Log, "bits").Proved(round.Start.Cite));

    public static FieldContent B(ReportContext report, RoundAttempt round) => OfLayout(report, round, layout => FieldContent.Of(ReportValue.Of(layout.Bits, ValueSource.Computed, "bits")));

    public static FieldContent Segments(ReportContext report, RoundAttempt round) => OfLayout(report, round, layout => FieldContent.Of(layout.Segments.Select(segment =>
        new ReportValue(string.Create(CultureInfo.InvariantCulture, $"{segment.Name}: {segment.Length} coordinates, clip {Real(segment.Clip)}, range {Real(segment.Range)}"), ValueSource.Computed) { Unit = "L2 norm; largest absolute value" })));

    public static FieldContent Rotation(ReportContext report, RoundAttempt round) => round.IsPlain
        ? FieldContent.None(PlainHasNone)
        : FieldContent.Of(new ReportValue(round.Start.Integer("k") == Ring.K16.Bits ? "randomised Hadamard" : "none", ValueSource.Computed).Proved(round.Start.Cite));

    /// <summary>The layout that the plan gives the round; null where it cannot be computed, or gives another number of coordinates than the log says.</summary>
    public static RingLayout? LayoutOf(RunConfig? plan, RoundAttempt round)
    {
        if (plan is null || round.IsPlain || round.Roster is not { } roster || round.Start.Integer("d") < 2)
        {
            return null;
        }

        try
        {
            // The last coordinate is the weight; what is padded already stays as it is.
            RingLayout layout = PlannedRing.LayoutOf(plan, roster.Roster.N, round.Start.Integer("d") - 1);
            return layout.D == round.Start.Integer("d") && layout.Ring.Bits == round.Start.Integer("k") ? layout : null;
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.RingTooSmall || error.Code == ErrorCodes.SecaggParametersInvalid || error.Code == ErrorCodes.SecaggRosterSize)
        {
            return null;
        }
    }

    private static FieldContent OfLayout(ReportContext report, RoundAttempt round, Func<RingLayout, FieldContent> field)
    {
        if (round.IsPlain)
        {
            return FieldContent.None(PlainHasNone);
        }

        return report.OfPlan(plan =>
        {
            if (LayoutOf(plan, round) is not { } layout)
            {
                return FieldContent.None("plan and roster do not give a layout of as many coordinates as the log says");
            }

            FieldContent content = field(layout);
            return content with { Values = [.. content.Values.Select(value => value.Proved([round.Start.Cite, .. report.PlanCited]))] };
        });
    }

    private static string Real(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
