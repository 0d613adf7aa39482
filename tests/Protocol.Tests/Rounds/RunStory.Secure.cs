// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Tests.Rounds;

/// <content>A run of four silos under secure aggregation: t = 3, one may be missing.</content>
internal sealed partial class RunStory
{
    public static readonly ImmutableArray<SiloId> Four = [new("silo-1"), new("silo-2"), new("silo-3"), new("silo-4")];

    /// <summary>The list of the round in progress.</summary>
    public U3ListBody List => State.Round!.Secure!.List!;

    /// <summary>The first round waits for its slot.</summary>
    public static RunStory Opening(string more = "") => new RunStory(RunMachine.Submit(Config($"aggregation.mode=secure;{more}"), Roster(1, [.. Four]), Start)).Then(
    [
        new InitialModelReady(Start, Hash("v0"), new FactorSizes(100, 200, 300), new FactorSizes(25, 50, 75)),
        .. Four.Select(silo => new PlanAnswered(Start, silo, Approved: true, string.Empty)),
    ]);

    /// <summary>The first round is started in slot 0.</summary>
    public static RunStory Masking(string more = "") => Opening(more).Granted();

    /// <summary>The list of all four is out.</summary>
    public static RunStory Agreeing(string more = "") => Masking(more).Masked([.. Four]);

    /// <summary>Three agreed to it.</summary>
    public static RunStory Unmasking(string more = "") => Agreeing(more).Agreed([.. Silos]);

    /// <summary>Three revealed their shares.</summary>
    public static RunStory OpeningSum(string more = "") => Unmasking(more).Revealed([.. Silos]);

    /// <summary>The slot that the run waits for.</summary>
    public static SlotGrant Grant(RunState state, int slot = 0, params int[] lost)
    {
        Sha256Digest sid = Hash($"epoch of {state.Roster.Version}");
        ImmutableArray<int> cohort = [.. state.Roster.Members.Values.Order()];
        return new SlotGrant
        {
            Request = new SlotRequest(state.Config.Job, state.LastRound, state.Round?.Secure?.Attempt ?? 1, state.Round?.Quorum ?? 0),
            Sid = sid,
            Slot = slot,
            N = cohort.Length,
            RosterSha256 = state.Roster.Sha256,
            Cohort = cohort,
            U2Sha256 = Derivations.CohortHash(sid, cohort),
            AckSha256 = Hash("acks"),
            Lost = [.. lost],
            EndsAt = Start + EpochMachine.Lifetime,
        };
    }

    public RunStory Granted(int slot = 0, params int[] lost) => Then(new SlotGranted(Start, Grant(State, slot, lost)));

    public UpdateReference Vector(SiloId silo, int attempt = 0) => new()
    {
        Sha256 = Hash($"vector of {silo}"),
        Length = State.Round!.Start.Slot!.VectorBytes,
        Weight = 0,
        Attempt = attempt,
        EnvelopeLength = 300,
        Masked = new MaskedReference(Hash($"masked by {silo}"), Hash($"journal of {silo}"), Sha256Digest.Zero),
    };

    public RunStory Masked(params SiloId[] silos)
    {
        foreach (SiloId silo in silos)
        {
            Then(new UpdateAnnounced(Start, silo, Rid, Vector(silo)), new UpdateVerified(Start, silo, Rid, Vector(silo)));
        }

        return this;
    }

    public RunStory Agreed(params SiloId[] silos)
    {
        foreach (SiloId silo in silos)
        {
            Then(new ConsistencyReceived(Start, silo, Rid, List.U3Sha256, Hash($"consistency of {silo}")));
        }

        return this;
    }

    public RunStory Revealed(params SiloId[] silos)
    {
        foreach (SiloId silo in silos)
        {
            Then(new UnmaskReceived(Start, silo, Rid, new UnmaskReference(0, 400)));
        }

        return this;
    }

    public RunStory Opened() => Then(new AggregateReady(Start, Rid, new AggregateReference { AggregateSha256 = Hash("z"), NewModelSha256 = Hash("next"), Norm = 1, SeedsSha256 = Hash("seeds") }));

    /// <summary>The deadline that the run waits for passes.</summary>
    public RunStory Late()
    {
        RunDeadline deadline = RunMachine.NextDeadline(State)!;
        return Then(new DeadlineReached(deadline.At, deadline.Key));
    }

    /// <summary>Members burn their slots of an earlier round.</summary>
    public RunStory Burned(Sha256Digest rid, params int[] indexes)
    {
        foreach (int idx in indexes)
        {
            Then(new BurnedReceived(Start, Four[idx - 1], idx, rid, Hash($"burned by {idx}")));
        }

        return this;
    }
}
