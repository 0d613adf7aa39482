// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Tests.Rounds;

/// <summary>A run with three silos, quorum 2 and two rounds, told event by event.</summary>
internal sealed partial class RunStory
{
    public static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    public static readonly ImmutableArray<SiloId> Silos = [new("silo-1"), new("silo-2"), new("silo-3")];

    /// <summary>A message as it travels with figures; machines pass it on and read nothing of it.</summary>
    public static readonly DsseEnvelope Signed = new() { PayloadType = RunBody.MetricsPayloadType, Payload = [1, 2, 3], Signatures = [] };

    private RunStory(RunStep step)
    {
        State = step.State;
        Effects = step.Effects;
    }

    public RunState State { get; private set; }

    /// <summary>The effects of the last step.</summary>
    public ImmutableArray<RunEffect> Effects { get; private set; }

    public string? Ignored { get; private set; }

    public Sha256Digest Rid => State.Round!.Rid;

    public static RosterView Roster(int version, params SiloId[] silos) => new()
    {
        Sha256 = Hash($"roster {version}"),
        Version = version,
        Members = silos.Select((silo, i) => (silo, i)).ToImmutableSortedDictionary(pair => pair.silo, pair => pair.i + 1),
    };

    public static Sha256Digest Hash(string text) => Sha256Digest.Of(Encoding.ASCII.GetBytes(text));

    public static UpdateReference Update(SiloId silo, int attempt = 0, long weight = 1) => new() { Sha256 = Hash($"update of {silo}"), Length = 200, Weight = weight, Attempt = attempt, EnvelopeLength = 300 };

    public static RunStory Submitted(string more = "") => new(RunMachine.Submit(Config(more), Roster(1, [.. Silos]), Start));

    public static RunStory Offered(string more = "") => Submitted(more).Then(new InitialModelReady(Start, Hash("v0"), new FactorSizes(100, 200, 300), new FactorSizes(25, 50, 75)));

    public static RunStory Collecting(string more = "") => Offered(more).Then([.. Silos.Select(silo => new PlanAnswered(Start, silo, Approved: true, string.Empty))]);

    public static RunStory Aggregating(string more = "") => Collecting(more).WithUpdates();

    public static RunStory Publishing(string more = "") => Aggregating(more).ThenAggregate();

    public static RunStory Moving(string more = "")
    {
        RunStory story = Publishing(more);
        return story.Then(new VersionPublished(Start, story.State.Round!.Start.ModelVersion + 1));
    }

    public static RunStory Evaluating()
    {
        RunStory story = Moving().Then(new ChannelMoved(Start, 1)).WithUpdates().ThenAggregate();
        return story.Then(new VersionPublished(Start, 2), new ChannelMoved(Start, 2));
    }

    public static RunStory Completed() => Evaluating().Then([.. Silos.Select(silo => new MetricsReported(Start, silo, 3, ImmutableSortedDictionary<string, string>.Empty, Signed))]);

    public RunStory Then(params ReadOnlySpan<RunEvent> events)
    {
        foreach (RunEvent @event in events)
        {
            RunStep step = RunMachine.Step(State, @event);
            (State, Effects, Ignored) = (step.State, step.Effects, step.Ignored);
        }

        return this;
    }

    /// <summary>All silos announce, and all updates are found to be as announced.</summary>
    public RunStory WithUpdates()
    {
        foreach (SiloId silo in Silos)
        {
            Then(new UpdateAnnounced(Start, silo, Rid, Update(silo)));
        }

        foreach (SiloId silo in Silos)
        {
            Then(new UpdateVerified(Start, silo, Rid, Update(silo)));
        }

        return this;
    }

    public RunStory ThenAggregate() =>
        Then(new AggregateReady(Start, Rid, new AggregateReference { AggregateSha256 = Hash("mean"), NewModelSha256 = Hash(string.Create(CultureInfo.InvariantCulture, $"v{State.Round!.Start.ModelVersion + 1}")), Norm = 1 }));

    /// <summary>The last effect of a kind.</summary>
    public T The<T>()
        where T : RunEffect => Effects.OfType<T>().Single();

    private static RunConfig Config(string more)
    {
        PlanEntry Field(string name, string value) => new(0, name, new PlanScalar(0, value, Quoted: false));
        Dictionary<string, Dictionary<string, string>> mappings = new(StringComparer.Ordinal)
        {
            ["participation"] = new(StringComparer.Ordinal) { ["quorum"] = "2", ["min_silos"] = "2", ["round_deadline"] = "60", ["straggler_grace"] = "10", ["max_abandoned_rounds"] = "1" },
            ["aggregation"] = new(StringComparer.Ordinal) { ["mode"] = "plain" },
        };
        foreach (string pair in more.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = pair.Split(['.', '='], 3);
            mappings.TryAdd(parts[0], new(StringComparer.Ordinal));
            mappings[parts[0]][parts[1]] = parts[2];
        }

        List<PlanEntry> fields = [Field("rounds", "2"), .. mappings.Select(mapping => new PlanEntry(0, mapping.Key, new PlanMapping(0, [.. mapping.Value.Select(field => Field(field.Key, field.Value))])))];

        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = "run-1", ["federation"] = "test-federation", ["base_model"] = new string('0', 64) };
        return PlanReader.Require(PlanReader.Read(new PlanMapping(0, [.. fields]), filledIn));
    }
}
