// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Identity;

namespace FedCloud.Coordinator.Telemetry;

/// <summary>The coordinator's spans. Nothing comes of them unless somebody listens.</summary>
internal static class CoordinatorTraces
{
    private static readonly ActivitySource Source = new(TelemetryNames.Coordinator);

    /// <summary>Begins to take a message.</summary>
    /// <param name="trace">What its frame says of the span that sent it; unsigned.</param>
    public static Activity? Take(string? trace) => TraceContext.Parse(trace) is var sender && sender == default
        ? Source.StartActivity(TelemetryNames.Take, ActivityKind.Consumer)
        : Source.StartActivity(TelemetryNames.Take, ActivityKind.Consumer, sender, links: LinkTo(Activity.Current?.Context ?? default));

    /// <summary>Says what a message is about, once that is verified.</summary>
    public static void IsAbout(Activity? span, string message, RunId? run)
    {
        span?.SetTag(TelemetryNames.Message, message);
        Name(span, run, round: null);
    }

    /// <summary>Begins to carry out an effect.</summary>
    /// <param name="name">What is done.</param>
    /// <param name="cause">The span that the effect follows from; none after a restart.</param>
    /// <param name="isBeginning">Whether a story of its own begins here, so that no trace goes on for as long as a run.</param>
    public static Activity? CarryOut(string name, ActivityContext cause, bool isBeginning)
    {
        Activity? span = isBeginning ? StartRoot(cause)
            : cause == default ? Source.StartActivity(TelemetryNames.Effect)
            : Source.StartActivity(TelemetryNames.Effect, ActivityKind.Internal, cause);
        span?.SetTag(TelemetryNames.EffectName, name);
        return span;
    }

    /// <summary>Says which run and round a span belongs to.</summary>
    public static void Name(Activity? span, RunId? run, int? round)
    {
        if (run is { } job)
        {
            span?.SetTag(TelemetryNames.Run, job.Value);
        }

        if (round is { } number)
        {
            span?.SetTag(TelemetryNames.Round, number);
        }
    }

    /// <summary>A phase of a round that has ended.</summary>
    public static void PhaseEnded(string phase, RunId run, int round, DateTimeOffset began, DateTimeOffset ended)
    {
        using Activity? span = Source.StartActivity(TelemetryNames.Phase, ActivityKind.Internal, parentContext: default, startTime: began);
        span?.SetTag(TelemetryNames.PhaseName, phase);
        Name(span, run, round);
        span?.SetEndTime(ended.UtcDateTime);
    }

    private static Activity? StartRoot(ActivityContext cause)
    {
        Activity? current = Activity.Current;
        Activity.Current = null;
        Activity? span = Source.StartActivity(TelemetryNames.Effect, ActivityKind.Internal, parentContext: default, links: LinkTo(cause == default ? current?.Context ?? default : cause));
        if (span is null)
        {
            Activity.Current = current;
        }

        return span;
    }

    private static ActivityLink[]? LinkTo(ActivityContext context) => context == default ? null : [new ActivityLink(context)];
}
