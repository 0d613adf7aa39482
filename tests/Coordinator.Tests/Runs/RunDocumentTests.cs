// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Runs;

public sealed class RunDocumentTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    private static readonly SiloId First = new("silo-1");
    private static readonly SiloId Second = new("silo-2");

    [Fact]
    public void Apply_SameMessageAgain_HasNoEffect()
    {
        RunDocument once = Running().Apply("message", Announcement(), out string? first);
        RunDocument twice = once.Apply("message", Announcement() with { At = Now.AddSeconds(1) }, out string? second);

        Assert.Null(first);
        Assert.NotNull(second);
        Assert.Same(once, twice);
    }

    [Fact]
    public void T06_Apply_SameMessageAfterItWasRejected_IsNotCheckedAgain()
    {
        RunDocument document = Running();
        document = document.Pending.Aggregate(document, (current, pending) => current.Complete(pending.Id, result: null)).Apply("message", Announcement(), out _);
        Pending<RunEffect> verify = Assert.Single(document.Pending);
        UpdateAnnounced announced = Announcement();
        document = document.Complete(verify.Id, new UpdateRejected(Now, First, announced.Rid, announced.Update, "update_missing"));

        RunDocument again = document.Apply("message", Announcement(), out string? ignored);

        Assert.NotNull(ignored);
        Assert.Same(document, again);
        Assert.Empty(again.Pending);
    }

    [Fact]
    public void Apply_IgnoredMessage_IsNotRemembered()
    {
        RunDocument document = Running();

        Assert.Same(document, document.Apply("message", Announcement() with { Rid = Sha256Digest.Zero }, out string? ignored));
        Assert.NotNull(ignored);
        Assert.Empty(document.Processed);
    }

    [Fact]
    public void Complete_TakesTheResultOnce()
    {
        RunDocument document = RunDocument.Open(RunMachine.Submit(Config(), Roster(), Now));
        Pending<RunEffect> prepare = Assert.Single(document.Pending);
        Assert.IsType<PrepareInitialModel>(prepare.Effect);

        RunDocument done = document.Complete(prepare.Id, new InitialModelReady(Now, Sha256Digest.Zero, new FactorSizes(1, 2, 3), new FactorSizes(1, 2, 3)));

        Assert.IsType<SendOffer>(Assert.Single(done.Pending).Effect);
        Assert.Equal(2, done.Pending[0].Id);
        Assert.Same(done, done.Complete(prepare.Id, new InitialModelReady(Now, Sha256Digest.Zero, new FactorSizes(1, 2, 3), new FactorSizes(1, 2, 3))));
    }

    [Fact]
    public void NextRound_ForgetsTheMessagesOfTheLast()
    {
        RunDocument document = Running().Apply("message", Announcement(), out _);
        Assert.Equal(["message"], document.Processed);

        RunDeadline deadline = RunMachine.NextDeadline(document.State)!;
        document = document.Apply(null, new DeadlineReached(deadline.At, deadline.Key), out _);

        Assert.Equal(2, document.State.LastRound);
        Assert.Empty(document.Processed);
    }

    [Fact]
    public void Json_OfADocument_GivesItBack()
    {
        RunDocument document = Running().Apply("message", Announcement(), out _);
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(document, DocumentJson.Default.RunDocument);

        RunDocument read = JsonSerializer.Deserialize(json, DocumentJson.Default.RunDocument)!;

        Assert.Equal(json, JsonSerializer.SerializeToUtf8Bytes(read, DocumentJson.Default.RunDocument));
        Assert.Equal(document.Pending.Select(pending => pending.Id), read.Pending.Select(pending => pending.Id));
        Assert.Equal(document.State.Round!.Rid, read.State.Round!.Rid);
    }

    [Fact]
    public void Json_WithAnUnknownMember_IsRefused()
    {
        string json = JsonSerializer.Serialize(Running(), DocumentJson.Default.RunDocument);

        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json.Insert(1, "\"newer_member\":1,"), DocumentJson.Default.RunDocument));
    }

    // What an orchestration learns at one look is its history, and a history holds little.
    [Fact]
    public async Task Look_ManyEffectsAtTheSameTime_NamesSomeOfThem()
    {
        MemoryBlobStore store = new(TimeProvider.System);
        await store.EnsureContainerAsync(StorageNames.State, default);
        UpdateReference update = Announcement().Update;
        RunDocument document = Running() with
        {
            Pending = [.. Enumerable.Range(0, 1_000).Select(idx => new Pending<RunEffect>(999_999_000 + idx, new VerifyUpdate(new SiloId($"silo-{idx + 1}"), idx + 1, 1, Sha256Digest.Zero, "b", update)))],
        };
        await using RunActor actor = await RunActor.StartAsync(store, document.State.Config.Job, document, effects: null!, TimeProvider.System, static (_, error) => throw error, default);

        Outlook outlook = await actor.LookAsync(default);

        Assert.Equal(Enumerable.Range(0, 256).Select(idx => 999_999_000L + idx), outlook.Due.Select(due => due.Id));
        Assert.InRange(JsonSerializer.SerializeToUtf8Bytes(outlook).Length, 0, 16 * 1024);
    }

    private static RunDocument Running()
    {
        RunDocument document = RunDocument.Open(RunMachine.Submit(Config(), Roster(), Now));
        document = document.Complete(1, new InitialModelReady(Now, Sha256Digest.Zero, new FactorSizes(1, 2, 3), new FactorSizes(1, 2, 3)));
        document = document.Apply(null, new PlanAnswered(Now, First, Approved: true, string.Empty), out _);
        return document.Apply(null, new PlanAnswered(Now, Second, Approved: true, string.Empty), out _);
    }

    private static UpdateAnnounced Announcement()
    {
        RunState state = Running().State;
        return new UpdateAnnounced(Now, First, state.Round!.Rid, new UpdateReference { Sha256 = Sha256Digest.Zero, Length = state.Round.Start.UpdateLen, Weight = 1, Attempt = 0, EnvelopeLength = 9 });
    }

    private static RosterView Roster() => new()
    {
        Sha256 = Sha256Digest.Zero,
        Version = 1,
        Members = ImmutableSortedDictionary<SiloId, int>.Empty.Add(First, 1).Add(Second, 2),
    };

    private static RunConfig Config()
    {
        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = "run-1", ["federation"] = "test-federation", ["base_model"] = new string('0', 64) };
        PlanEntry Field(string name, string value) => new(0, name, new PlanScalar(0, value, Quoted: false));
        PlanMapping plan = new(0,
        [
            new PlanEntry(0, "aggregation", new PlanMapping(0, [Field("mode", "plain")])),
            new PlanEntry(0, "participation", new PlanMapping(0, [Field("quorum", "2"), Field("min_silos", "2")])),
        ]);
        return PlanReader.Require(PlanReader.Read(plan, filledIn));
    }
}
