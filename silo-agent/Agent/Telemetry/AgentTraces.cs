// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Journals;

namespace FedCloud.SiloAgent.Telemetry;

/// <summary>The agent's spans, and which span each pending effect follows from. Names and numbers of the protocol only: what is in a span is the administrator's to export, and still tells nothing of the data.</summary>
/// <remarks>Where nobody listens here, an answer names the span of the message that it follows from, so that the sender's trace is whole; it learns nothing that it did not send.</remarks>
internal sealed class AgentTraces
{
    private static readonly ActivitySource Source = new(TelemetryNames.SiloAgent);
    private static readonly AsyncLocal<ActivityContext> Flow = new();

    private readonly ConcurrentDictionary<long, ActivityContext> _causes = [];
    private long _noted;

    /// <summary>The context that travels with what is sent now; null for none.</summary>
    public static string? Outgoing => TraceContext.Format(Now);

    private static ActivityContext Now => TraceContext.Current is var own && own != default ? own : Flow.Value;

    /// <summary>Begins to take a message.</summary>
    /// <param name="trace">What its frame says of the span that sent it; unsigned.</param>
    /// <param name="pending">What is pending before.</param>
    public Activity? Take(string? trace, ImmutableArray<PendingSiloEffect> pending)
    {
        Skip(pending);
        Flow.Value = TraceContext.Parse(trace);
        return Source.StartActivity(TelemetryNames.Take, ActivityKind.Consumer, Flow.Value);
    }

    /// <summary>Says what a message was about, once that is verified.</summary>
    public static void IsAbout(Activity? span, string message, Frame frame)
    {
        span?.SetTag(TelemetryNames.Message, message);
        Name(span, frame.Run, frame.Round);
    }

    /// <summary>Begins to carry out an effect. One that goes on beside the agent's other work has its span there.</summary>
    /// <param name="next">The effect.</param>
    /// <param name="pending">What is pending.</param>
    public Activity? Begin(PendingSiloEffect next, ImmutableArray<PendingSiloEffect> pending)
    {
        Skip(pending);
        Flow.Value = _causes.GetValueOrDefault(next.Id);
        return IsLong(next.Effect) ? null : Start(next);
    }

    /// <summary>An effect was carried out, or stays pending: what does not happen yet leaves no span.</summary>
    public void End(Activity? span, PendingSiloEffect carried, bool isDone, ImmutableArray<PendingSiloEffect> pending)
    {
        if (!isDone)
        {
            span?.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
            return;
        }

        Note(pending);
        if (!IsLong(carried.Effect))
        {
            _causes.TryRemove(carried.Id, out _);
        }
    }

    /// <summary>Carries out an effect that goes on beside the agent's other work.</summary>
    public async Task<SiloEvent?> WorkAsync(PendingSiloEffect pending, Func<CancellationToken, Task<SiloEvent?>> work, CancellationToken cancellation)
    {
        using Activity? span = Start(pending);
        try
        {
            if (span is not null)
            {
                _causes[pending.Id] = span.Context;
            }

            return await work(cancellation);
        }
        catch (Exception error) when (span.Fails(error))
        {
            throw;
        }
    }

    /// <summary>What was carried out beside the agent's other work has finished; its consequences follow from it.</summary>
    public void Finished(long effect, Action complete, Func<ImmutableArray<PendingSiloEffect>> pending)
    {
        Skip(pending());
        _causes.TryRemove(effect, out ActivityContext cause);
        Flow.Value = cause;
        complete();
        Note(pending());
    }

    /// <summary>Notes what new effects follow from.</summary>
    public void Note(ImmutableArray<PendingSiloEffect> pending)
    {
        foreach (PendingSiloEffect next in pending.Where(next => next.Id > _noted))
        {
            _noted = next.Id;
            if (Now is var cause && cause != default)
            {
                _causes[next.Id] = cause;
            }
        }
    }

    // What came by itself, by the clock or from a journal, follows from nothing that is known.
    private void Skip(ImmutableArray<PendingSiloEffect> pending) => _noted = pending is [.., { Id: var last }] ? Math.Max(_noted, last) : _noted;

    private static bool IsLong(SiloEffect effect) => effect is FetchBaseModel or Train or EvaluateModel;

    private Activity? Start(PendingSiloEffect pending)
    {
        Activity? span = Source.StartActivity(TelemetryNames.Effect, ActivityKind.Internal, _causes.GetValueOrDefault(pending.Id));
        span?.SetTag(TelemetryNames.EffectName, pending.Effect.GetType().Name);
        (RunId? run, int? round) = About(pending.Effect);
        Name(span, run, round);
        return span;
    }

    private static void Name(Activity? span, RunId? run, int? round)
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

    private static (RunId? Run, int? Round) About(SiloEffect effect) => effect switch
    {
        SendAnswer send => (send.Body.Job, null),
        FetchBaseModel fetch => (fetch.Job, null),
        Train train => (train.Start.Job, train.Start.Round),
        AwaitWitnesses held => (held.Start.Job, held.Start.Round),
        UploadUpdate upload => (upload.Update.Job, upload.Update.Round),
        SendUpdate send => (send.Body.Job, send.Body.Round),
        SendDecline send => (send.Body.Job, send.Body.Round),
        EvaluateModel evaluate => (evaluate.Job, evaluate.Round),
        SendMetrics send => (send.Body.Job, send.Body.Round),
        ForgetRound forget => (forget.Job, null),
        SettleBudget settle => (settle.Job, null),
        MaskUpdate mask => (mask.Start.Job, mask.Start.Round),
        UploadMasked upload => (upload.Start.Job, upload.Start.Round),
        SendMasked send => (send.Start.Job, send.Start.Round),
        SendConsistency send => (send.Job, send.Round),
        SendUnmask send => (send.Job, send.Round),
        SendBurned send => (send.Body.Job, (int)send.Body.Round),
        _ => (null, null),
    };
}
