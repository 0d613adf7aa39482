// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Tests.Rounds;

namespace FedCloud.Protocol.Tests.Epochs;

/// <summary>The epochs of four silos with four slots each, told event by event.</summary>
internal sealed class EpochStory
{
    public const int Slots = 4;

    private int _round;

    public EpochsState State { get; private set; } = new() { Federation = new FederationId("test-federation"), Slots = Slots, StepTimeout = 30 };

    /// <summary>The effects of the last step.</summary>
    public ImmutableArray<EpochEffect> Effects { get; private set; } = [];

    public string? Ignored { get; private set; }

    public DateTimeOffset Now { get; set; } = RunStory.Start;

    public Sha256Digest Sid => State.Next!.Sid;

    public static RosterView Roster(int version, int silos) => RunStory.Roster(version, [.. Enumerable.Range(1, silos).Select(idx => new SiloId($"silo-{idx}"))]);

    /// <summary>A federation without epochs.</summary>
    public static EpochStory Of(int silos = 4)
    {
        EpochStory story = new();
        return story.Then(new EpochRosterChanged(story.Now, Roster(1, silos)));
    }

    /// <summary>An epoch is called, since a round waits for a slot.</summary>
    public static EpochStory Called(int silos = 4) => Of(silos).Requested();

    /// <summary>The first epoch is in use; its slot 0 is given out.</summary>
    public static EpochStory InUse(int silos = 4) => Called(silos).Opened([.. Enumerable.Range(1, silos)]);

    public EpochStory Then(EpochEvent @event)
    {
        EpochStep step = EpochMachine.Step(State, @event);
        (State, Effects, Ignored) = (step.State, step.Effects, step.Ignored);
        return this;
    }

    /// <summary>The next round of a run asks for a slot.</summary>
    public EpochStory Requested(string job = "run-1") => Then(new SlotRequested(Now, new SlotRequest(new RunId(job), ++_round, 1)));

    public EpochStory Advertised(params int[] silos) => Each(silos, idx => new Advertised(Now, Sid, idx, Hash("e1", idx)));

    public EpochStory Listed() => Then(new ListSent(Now, Sid, RunStory.Hash("l1")));

    public EpochStory Shared(params int[] silos) => Each(silos, idx => new Shared(Now, Sid, idx, Hash("e3", idx)));

    public EpochStory Acknowledged(params int[] silos) => Each(silos, idx => new Acknowledged(Now, Sid, idx, Hash("e5", idx)));

    public EpochStory Reported(int idx, params Sha256Digest[] sids) => Then(new EpochsReported(Now, idx, [.. sids]));

    /// <summary>These silos, and only they, answer every step of the epoch that is called.</summary>
    public EpochStory Opened(params int[] silos)
    {
        Advertised(silos);
        if (State.Next!.Phase == EpochPhase.Advertising)
        {
            Late();
        }

        return Listed().Shared(silos).Acknowledged(silos);
    }

    /// <summary>The deadline that the epochs wait for passes.</summary>
    public EpochStory Late()
    {
        EpochDeadline deadline = EpochMachine.NextDeadline(State)!;
        Now = deadline.At;
        return Then(new EpochDeadlineReached(deadline.At, deadline.Sid));
    }

    /// <summary>The one effect of a kind in the last step.</summary>
    public T The<T>()
        where T : EpochEffect => Effects.OfType<T>().Single();

    private static Sha256Digest Hash(string body, int idx) => RunStory.Hash($"{body} of {idx}");

    private EpochStory Each(int[] silos, Func<int, EpochEvent> @event)
    {
        foreach (int idx in silos)
        {
            Then(@event(idx));
        }

        return this;
    }
}
