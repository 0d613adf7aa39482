// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Telemetry;

/// <summary>The W3C trace context that travels in frames (Trace Context, version 00): a hint that nobody signed.</summary>
/// <remarks>What does not parse is ignored; a message is taken or refused for other reasons. Nothing else is taken from outside: no tracestate, no baggage.</remarks>
public static class TraceContext
{
    private const int Length = 55;
    private const string Version = "00-";
    private const string OurSources = "FedCloud.";

    /// <summary>The span in progress, if it is one of ours.</summary>
    /// <remarks>A request that a web framework follows may have a span that nobody exports.</remarks>
    public static ActivityContext Current => Activity.Current is { } activity && activity.Source.Name.StartsWith(OurSources, StringComparison.Ordinal) ? activity.Context : default;

    /// <summary>A context as it travels; null for none.</summary>
    public static string? Format(ActivityContext context) => context == default
        ? null
        : string.Create(CultureInfo.InvariantCulture, $"{Version}{context.TraceId}-{context.SpanId}-{(int)context.TraceFlags:x2}");

    /// <summary>The context that a frame names; none for any other text.</summary>
    public static ActivityContext Parse(string? trace) =>
        trace is { Length: Length } && trace.StartsWith(Version, StringComparison.Ordinal) && ActivityContext.TryParse(trace, traceState: null, isRemote: true, out ActivityContext context)
            ? context
            : default;

    /// <summary>Says in a span why it failed: by its code or its type, since a text may hold anything. For use as an exception filter.</summary>
    /// <returns>False.</returns>
    public static bool Fails(this Activity? span, Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        span?.SetTag(TelemetryNames.Error, error is FedCloudException { Code: { } code } ? code.Name : error.GetType().Name);
        span?.SetStatus(ActivityStatusCode.Error);
        return false;
    }
}
