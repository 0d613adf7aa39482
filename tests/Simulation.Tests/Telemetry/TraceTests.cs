// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Simulation.Tests.Telemetry;

/// <summary>Traces of whole federations: what follows from what, also across messages, and nothing that a message says of it can do harm.</summary>
[Collection(Alone.Name)]
public sealed class TraceTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";

    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Round_Traced_IsOneTraceFromStartToAnswer(bool isSecure)
    {
        using Heard heard = new();
        await using WholeFederation federation = Of(isSecure);

        await federation.RunAsync();

        (string start, string told, string[] done, string sent) = isSecure
            ? ("SendSecureStart", "round_start", ["Train", "MaskUpdate", "UploadMasked"], "SendMasked")
            : ("SendStart", "Start", (string[])["Train", "UploadUpdate"], "SendUpdate");
        Activity root = Assert.Single(heard.SpansOf(TelemetryNames.Coordinator, TelemetryNames.Effect, start));
        Assert.Null(root.ParentId);
        Assert.Equal(("sim-run", 1), (root.GetTagItem(TelemetryNames.Run), root.GetTagItem(TelemetryNames.Round)));
        foreach (SimulatedSilo silo in federation.Silos)
        {
            // Silos run in one process here: each has its own span of the message.
            Assert.Equal(federation.Silos.Length, heard.SpansOf(TelemetryNames.SiloAgent, TelemetryNames.Take, told).Count(span => span.TraceId == root.TraceId && span.ParentSpanId == root.SpanId && span.HasRemoteParent));
            Assert.All(done, name => Assert.Equal(federation.Silos.Length, heard.SpansOf(TelemetryNames.SiloAgent, TelemetryNames.Effect, name).Count(span => span.TraceId == root.TraceId)));
        }

        ActivitySpanId[] senders = [.. heard.SpansOf(TelemetryNames.SiloAgent, TelemetryNames.Effect, sent).Where(span => span.TraceId == root.TraceId).Select(span => span.SpanId)];
        Activity[] answers = [.. heard.SpansOf(TelemetryNames.Coordinator, TelemetryNames.Take, "UpdateAnnounced").Where(span => senders.Contains(span.ParentSpanId))];
        Assert.Equal(federation.Silos.Length, answers.Length);
        Assert.All(answers, answer => Assert.Equal(root.TraceId, answer.TraceId));
        Assert.Contains(heard.SpansOf(TelemetryNames.Coordinator, TelemetryNames.Effect, isSecure ? "OpenSum" : "AggregateRound"), span => span.TraceId == root.TraceId);
        Assert.Contains(heard.SpansOf(TelemetryNames.Coordinator, TelemetryNames.Phase, "collecting"), span => span.TraceId == root.TraceId);
    }

    [Fact]
    public async Task Silo_WithoutAnExporter_NamesTheSpanThatItAnswers()
    {
        using Heard heard = new(TelemetryNames.Coordinator);
        await using WholeFederation federation = Of(isSecure: false);

        await federation.RunAsync();

        Activity root = Assert.Single(heard.SpansOf(TelemetryNames.Coordinator, TelemetryNames.Effect, "SendStart"));
        Assert.Equal(2, heard.SpansOf(TelemetryNames.Coordinator, TelemetryNames.Take, "UpdateAnnounced").Count(span => span.TraceId == root.TraceId && span.ParentSpanId == root.SpanId));
    }

    [Fact]
    public async Task Nobody_Listening_SendsNoTrace()
    {
        await using WholeFederation federation = Of(isSecure: false);
        List<string?> traces = [];
        federation.Store.Written += (name, bytes) => traces.AddRange(IsMail(name.Container) && bytes.Length > 0 && IsFrame(bytes) ? [Frame.FromJson(bytes).Trace] : []);

        await federation.RunAsync();

        Assert.NotEmpty(traces);
        Assert.All(traces, Assert.Null);
    }

    [Theory]
    [InlineData("00-" + Trace + "-00f067aa0ba902b7-01", true)]
    [InlineData("00-" + Trace + "-00f067aa0ba902b7-00", true)]
    [InlineData(null, false)]
    [InlineData("", false)]
    [InlineData("x", false)]
    [InlineData("01-" + Trace + "-00f067aa0ba902b7-01", false)]
    [InlineData("ff-" + Trace + "-00f067aa0ba902b7-01", false)]
    [InlineData("00-" + Trace + "-00f067aa0ba902b7-01-extra", false)]
    [InlineData("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false)]
    [InlineData("00-" + Trace + "-0000000000000000-01", false)]
    [InlineData("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false)]
    [InlineData("00-" + Trace + "-00f067aa0ba902b7-zz", false)]
    [InlineData("00_" + Trace + "-00f067aa0ba902b7-01", false)]
    public void Parse_Text_TakesTheOneVersionStrictly(string? trace, bool isTaken)
    {
        ActivityContext context = TraceContext.Parse(trace);

        Assert.Equal(isTaken ? trace : null, TraceContext.Format(context));
        Assert.True(context.TraceState is null);
    }

    [Fact]
    public async Task Trace_Hostile_ChangesNothing()
    {
        using Heard heard = new();
        string[] hostile = [new string('a', 100_000), "nonsense\u0000\n", "01-" + Trace + "-00f067aa0ba902b7-01", "00-" + Trace + "-00f067aa0ba902b7-zz", "{}"];
        await using WholeFederation federation = Of(isSecure: true);
        int changed = 0;
        federation.Meanwhile = async () =>
        {
            foreach (string container in (string[])["mail-coordinator", .. federation.Silos.Select(silo => "mail-" + silo.Id.Value)])
            {
                await foreach (BlobItem item in federation.Store.ListAsync(container, string.Empty, CancellationToken.None))
                {
                    byte[] bytes = federation.Store.Peek(container, item.Path);
                    if (bytes.Length > 0 && IsFrame(bytes) && !Frame.FromJson(bytes).Trace?.Equals(hostile[changed % hostile.Length], StringComparison.Ordinal) is not false)
                    {
                        JsonObject frame = JsonNode.Parse(bytes)!.AsObject();
                        frame["trace"] = hostile[changed++ % hostile.Length];
                        federation.Store.Tamper(container, item.Path, _ => Encoding.UTF8.GetBytes(frame.ToJsonString()));
                    }
                }
            }
        };

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        Assert.Equal(RunPhase.Completed, (await federation.ReadAsync()).State.Phase);
        Assert.Empty(federation.Refused);
        Assert.True(changed > 10, "messages were changed on their way");
        Assert.DoesNotContain(heard.Texts(), text => text.Contains("nonsense", StringComparison.Ordinal) || text.Contains(Trace, StringComparison.Ordinal) || text.Length > 200);
        Assert.DoesNotContain(heard.Spans, span => span.HasRemoteParent && span.TraceId.ToHexString() == Trace);
    }

    private static WholeFederation Of(bool isSecure) => isSecure
        ? new(5, Calm, silos: 4, WholeScheduleTests.SecureConfig(rounds: 1, quorum: 4, "ffa_lora"))
        : new(5, Calm, silos: 2, WholeScheduleTests.Config(rounds: 1, quorum: 2, "ffa_lora"));

    private static bool IsMail(string container) => container.StartsWith("mail-", StringComparison.Ordinal) && container is not "mail-audit";

    private static bool IsFrame(byte[] bytes) => bytes[0] == (byte)'{' && JsonNode.Parse(bytes) is JsonObject frame && frame.ContainsKey("envelopes");
}
