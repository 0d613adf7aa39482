// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;

namespace FedCloud.Protocol.Tests.Silos;

/// <summary>A run as silo 1 of three lives it, told event by event.</summary>
internal sealed class SiloStory
{
    public static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    public static readonly RunId Job = new("run-1");
    public static readonly ImmutableSortedDictionary<string, string> NoFigures = ImmutableSortedDictionary<string, string>.Empty;

    public SiloState State { get; private set; } = new();

    /// <summary>The effects of the last step.</summary>
    public ImmutableArray<SiloEffect> Effects { get; private set; } = [];

    public string? Ignored { get; private set; }

    public SiloRun Run => State.Runs[Job];

    public static Sha256Digest Hash(string text) => Sha256Digest.Of(Encoding.ASCII.GetBytes(text));

    public static PlanOfferBody Offer(string plan = "plan") => new()
    {
        Type = RunBody.Offer,
        Federation = new FederationId("test-federation"),
        RosterSha256 = Hash("roster"),
        Job = Job,
        ConfigSha256 = Hash(plan),
        InitialModelSha256 = Hash("v0"),
        AnswerBy = Now.ToUnixTimeSeconds() + 30,
    };

    public static PlainStartBody Start(int round, int version = 0, string? model = null, string plan = "plan") => new()
    {
        Type = PlainBody.Start,
        Federation = new FederationId("test-federation"),
        RosterSha256 = Hash("roster"),
        Job = Job,
        Round = round,
        ConfigSha256 = Hash(plan),
        ModelVersion = version,
        ModelSha256 = Hash(model ?? $"v{version}"),
        Exchanged = "b",
        UpdateLen = 200,
        Cohort = [1, 2, 3],
        Deadline = Now.ToUnixTimeSeconds() + 60,
    };

    public static Sha256Digest Rid(PlainStartBody start) => start.Rid();

    public static StartReceived Received(PlainStartBody start, PlainResultBody? previous = null, DateTimeOffset? at = null) => new(at ?? Now, RoundOpening.Of(start), Rid(start), 1, CommittedVersion.Of(previous), Refusal: null);

    public static PlainResultBody Result(PlainStartBody of, string mine = "update", long weight = 1) => new()
    {
        Type = PlainBody.Result,
        Rid = Rid(of),
        Job = Job,
        Round = of.Round,
        Members = [new PlainMember(1, Hash(mine), weight), new PlainMember(2, Hash("other"), 1)],
        AggregateSha256 = Hash("mean"),
        ModelVersion = of.ModelVersion + 1,
        NewModelSha256 = Hash($"v{of.ModelVersion + 1}"),
    };

    public static RunEndedBody Ended(string outcome = "completed") => new()
    {
        Type = RunBody.Ended,
        Federation = new FederationId("test-federation"),
        Job = Job,
        Outcome = outcome,
        Reason = string.Empty,
        EvaluationRound = 9,
        ModelVersion = 1,
        ModelSha256 = Hash("v1"),
    };

    public static SiloStory Approved() => new SiloStory().Then(new OfferReceived(Now, Offer(), 1, null));

    public static SiloStory Refused() => new SiloStory().Then(new OfferReceived(Now, Offer(), 1, "policy_refused"));

    public static SiloStory Asked() => new SiloStory().Then(new OfferReceived(Now, Offer(), 1, null, Asks: true));

    public static SiloStory Training() => Approved().Then(Received(Start(1)));

    public static SiloStory Held() => Training().Then(new TrainingFinished(Now, Job, Rid(Start(1)), Hash("update"), 200, 1, NoFigures));

    public static SiloStory Uploading() => Held().Then(new RoundWitnessed(Now, Job, Rid(Start(1)), 7));

    public static SiloStory Announced() => Uploading().Then(new UpdateUploaded(Now, Job, Rid(Start(1)), 0));

    public static SiloStory Declined() => Training().Then(new TrainingFailed(Now, Job, Rid(Start(1)), "data_empty"));

    public static SiloStory Evaluating() => Approved().Then(new EndedReceived(Now, Ended(), EvaluationWanted: true));

    public static SiloStory Over() => Approved().Then(new EndedReceived(Now, Ended("failed"), EvaluationWanted: false));

    public SiloStory Then(params ReadOnlySpan<SiloEvent> events)
    {
        foreach (SiloEvent @event in events)
        {
            SiloStep step = SiloMachine.Step(State, @event);
            (State, Effects, Ignored) = (step.State, step.Effects, step.Ignored);
        }

        return this;
    }

    /// <summary>The last effect of a kind.</summary>
    public T The<T>()
        where T : SiloEffect => Effects.OfType<T>().Single();
}
