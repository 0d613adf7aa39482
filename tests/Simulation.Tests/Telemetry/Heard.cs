// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace FedCloud.Simulation.Tests.Telemetry;

/// <summary>A measurement.</summary>
internal sealed record Measured(string Instrument, string? Unit, double Value, ImmutableDictionary<string, object?> Tags);

/// <summary>Everything that an exporter would get while this listens: tests that use it run alone.</summary>
internal sealed class Heard : IDisposable
{
    private readonly ActivityListener _spans;
    private readonly MeterListener _metrics = new();
    private readonly ConcurrentQueue<Activity> _stopped = new();
    private readonly ConcurrentQueue<Measured> _measured = new();

    public Heard(params string[] sources)
    {
        string[] all = sources is [] ? ["FedCloud.Coordinator", "FedCloud.SiloAgent"] : sources;
        _spans = new ActivityListener
        {
            ShouldListenTo = source => all.Contains(source.Name, StringComparer.Ordinal),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                if (span.Recorded)
                {
                    _stopped.Enqueue(span);
                }
            },
        };
        ActivitySource.AddActivityListener(_spans);
        _metrics.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("FedCloud.", StringComparison.Ordinal))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _metrics.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Take(instrument, value, tags));
        _metrics.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        _metrics.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
        _metrics.Start();
    }

    public IReadOnlyList<Activity> Spans => [.. _stopped];

    public IReadOnlyList<Measured> Measurements => [.. _measured];

    public IEnumerable<Measured> Of(string instrument) => _measured.Where(one => one.Instrument == instrument);

    public double Sum(string instrument) => Of(instrument).Sum(one => one.Value);

    /// <summary>Spans of one name and what they were about.</summary>
    public IEnumerable<Activity> SpansOf(string source, string name, string? about = null) =>
        _stopped.Where(span => span.Source.Name == source && span.OperationName == name && (about is null || span.TagObjects.Any(tag => about.Equals(tag.Value))));

    /// <summary>Every text in what was heard.</summary>
    public IEnumerable<string> Texts() =>
    [
        .. _stopped.SelectMany(span => (string[])[span.DisplayName, span.OperationName, span.StatusDescription ?? string.Empty, span.TraceStateString ?? string.Empty,
            .. span.TagObjects.SelectMany(Both), .. span.Baggage.SelectMany(item => (string[])[item.Key, item.Value ?? string.Empty]),
            .. span.Events.SelectMany(item => (string[])[item.Name, .. item.Tags.SelectMany(Both)]), .. span.Links.SelectMany(link => (link.Tags ?? []).SelectMany(Both))]),
        .. _measured.SelectMany(one => (string[])[one.Instrument, one.Value.ToString(CultureInfo.InvariantCulture), .. one.Tags.SelectMany(Both)]),
    ];

    public void Dispose()
    {
        _spans.Dispose();
        _metrics.Dispose();
    }

    private static IEnumerable<string> Both(KeyValuePair<string, object?> tag) => [tag.Key, Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? string.Empty];

    private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _measured.Enqueue(new Measured(instrument.Name, instrument.Unit, value, ImmutableDictionary.CreateRange(tags.ToArray())));
}
