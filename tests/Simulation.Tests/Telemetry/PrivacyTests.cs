// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FedCloud.Api.Events;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.SiloAgent.Telemetry;
using FedCloud.Simulation.Tests.Whole;
using Microsoft.Extensions.Logging;
using Xunit;

namespace FedCloud.Simulation.Tests.Telemetry;

/// <summary>No telemetry item says more of a silo's data than the messages may (privacy, section 8).</summary>
[Collection(Alone.Name)]
public sealed class PrivacyTests
{
    // Whatever is added here has to be allowed by section 8.1, and be in docs/observability.md.
    private static readonly string[] SpanNames = [TelemetryNames.Take, TelemetryNames.Effect, TelemetryNames.Phase];
    private static readonly string[] SpanKeys = [TelemetryNames.Run, TelemetryNames.Round, TelemetryNames.Message, TelemetryNames.EffectName, TelemetryNames.Error, TelemetryNames.PhaseName];
    private static readonly string[] MetricKeys = [TelemetryNames.PhaseName, TelemetryNames.Mailbox, TelemetryNames.Range, TelemetryNames.Key];
    private static readonly string[] Metrics =
    [
        TelemetryNames.PhaseDuration, TelemetryNames.Participants, TelemetryNames.Dropouts, TelemetryNames.Bytes, TelemetryNames.Failed, TelemetryNames.MailboxAge,
        TelemetryNames.DeadLetters, TelemetryNames.EpsilonRange, TelemetryNames.LedgerRefused, TelemetryNames.KeyExpiresIn,
    ];

    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    [Fact]
    public async Task PrivateRun_EveryItem_IsOnTheList_AndHoldsNothingOfTheData()
    {
        using Heard heard = new();
        await using WholeFederation federation = Of(records: 1_000);

        await federation.RunAsync();

        Assert.Equal(RunPhase.Completed, (await federation.ReadAsync()).State.Phase);
        Assert.NotEmpty(heard.Spans);
        Assert.All(heard.Spans, span =>
        {
            Assert.Contains(span.OperationName, SpanNames);
            Assert.Equal(span.OperationName, span.DisplayName);
            Assert.All(span.TagObjects, tag => Assert.Contains(tag.Key, SpanKeys));
            Assert.All(span.TagObjects, tag => Assert.True(IsWord(tag.Value), $"{tag.Key} = {tag.Value}"));
            Assert.Empty(span.Events);
            Assert.Empty(span.Baggage);
            Assert.Null(span.StatusDescription);
            Assert.Null(span.TraceStateString);
        });
        Assert.All(heard.Measurements, one =>
        {
            Assert.Contains(one.Instrument, Metrics);
            Assert.All(one.Tags.Keys, key => Assert.Contains(key, MetricKeys));
        });
        Assert.Contains(heard.Of(TelemetryNames.EpsilonRange), one => "in_silos".Equals(one.Tags[TelemetryNames.Range]));

        string[] texts = [.. heard.Texts()];
        Assert.Empty(federation.Search.Find(texts));
        foreach (string forbidden in Forbidden(federation))
        {
            Assert.DoesNotContain(texts, text => text.Contains(forbidden, StringComparison.OrdinalIgnoreCase));
        }
    }

    [Fact]
    public async Task PrivateRuns_OfNeighbouringData_HaveTheSameFields()
    {
        Assert.Equal(await FieldsAsync(records: 1_000), await FieldsAsync(records: 1_001));
    }

    [Fact]
    public void AgentLines_ThatMayLeave_ArePhaseRunRoundAndCode()
    {
        Assert.Equal(new ReportedLine("refused", "run-1", 3, "budget_exhausted"), Of(new { silo = "a", phase = "refused", job = "run-1", round = 3, detail = "budget_exhausted: needs a limit of 4.7 for /data/patients.jsonl" }));
        Assert.Equal(new ReportedLine("waiting", null, null, null), Of(new { phase = "waiting", job = (string?)null, detail = "/data/patients.jsonl: loss 1.5" }));
        Assert.Null(Of(new { phase = "trainer", job = "run-1", round = 3, trainer = new { loss = 1.5, tokens_per_second = 7 } }));
        Assert.Null(Of(new { phase = "budget", detail = "3.2 of 4 left" }));

        static ReportedLine? Of(object line) => ReportedLine.Of(JsonSerializer.SerializeToElement(line));
    }

    [Fact]
    public void CoordinatorLines_ThatLeave_HoldCodesForReasons()
    {
        Lines lines = new();
        LoggedEvents events = new(_ => { }, lines);
        MessageId id = MessageId.Of(1, new byte[MessageId.RandomBytes]);
        events.MessageRefused(id, new FedCloudException(ErrorCodes.SignatureInvalid, "secret text"));
        events.EffectFailed(new("run-1"), new IOException("/secret/path?sig=abc"));
        events.EpochEffectFailed(new FedCloudException(ErrorCodes.StorageFailed, "https://account/container?sig=abc"));

        Assert.Equal([("Id", id.Value), ("Reason", "signature_invalid")], lines.Fields[0]);
        Assert.Equal([("Job", "run-1")], lines.Fields[1]);
        Assert.Equal([("Reason", "storage_failed")], lines.Fields[2]);
    }

    private static async Task<string[]> FieldsAsync(long records)
    {
        using Heard heard = new();
        await using WholeFederation federation = Of(records);
        await federation.RunAsync();
        return
        [
            .. heard.Spans.Select(span => $"{span.Source.Name} {span.OperationName} {string.Join(' ', span.TagObjects.Select(tag => $"{tag.Key}={tag.Value}"))}")
                .Concat(heard.Measurements.Select(one => $"{one.Instrument} {one.Unit} {string.Join(' ', one.Tags.Select(tag => $"{tag.Key}={tag.Value}"))}"))
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal),
        ];
    }

    private static WholeFederation Of(long records)
    {
        WholeFederation federation = new(5, Calm, silos: 4, WholeScheduleTests.PrivateConfig(rounds: 2, quorum: 3));
        foreach (SimulatedSilo silo in federation.Silos)
        {
            silo.Budget = silo.Budget! with { Records = records };
        }

        return federation;
    }

    // A name of ours, an id or a small number: nothing with blanks, paths, points or figures.
    private static bool IsWord(object? value) => value is int number ? number is >= 0 and < 100 : value is string text && text.Length is > 0 and <= 64 && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' or '.');

    private static IEnumerable<string> Forbidden(WholeFederation federation)
    {
        yield return "loss";
        yield return "norm";
        yield return "batch";
        yield return "records";
        yield return "jsonl";
        yield return "sig=";
        yield return "1000";
        foreach (SimulatedSilo silo in federation.Silos)
        {
            LedgerReserve reserve = Assert.Single(silo.Ledger().State.Jobs).Value.ByMechanism[LedgerMechanism.Dpsgd];
            yield return reserve.Terms.ZEff.ToString(CultureInfo.InvariantCulture);
            yield return reserve.Terms.PldEps.ToString(CultureInfo.InvariantCulture);
            yield return Path.GetDirectoryName(silo.TrainFile)!;
        }
    }

    private sealed class Lines : ILogger
    {
        public List<(string, string)[]> Fields { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Fields.Add([.. LogFields.Allowed(Assert.IsAssignableFrom<IReadOnlyList<KeyValuePair<string, object?>>>(state)).Where(field => field.Key is not "{OriginalFormat}").Select(field => (field.Key, field.Value?.ToString() ?? string.Empty))]);
    }
}
