// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Silos;
using Xunit;

namespace FedCloud.Protocol.Tests.Silos;

/// <summary>A silo that asserts with every effect that no rule of secure-aggregation, section 6, is broken.</summary>
internal sealed class WatchedSilo
{
    private readonly Dictionary<(Sha256Digest Sid, int Slot), Sha256Digest> _armed = [];
    private readonly Dictionary<(RunId Job, int Round), (Sha256Digest Rid, Sha256Digest U3)> _agreed = [];
    private readonly Dictionary<Sha256Digest, StartReceived> _starts = [];
    private readonly List<RoundOpening> _masked = [];
    private readonly HashSet<Sha256Digest> _revealed = [];
    private readonly HashSet<Sha256Digest> _burned = [];
    private readonly HashSet<(Sha256Digest Sid, int Slot)> _erasedSlots = [];
    private readonly HashSet<Sha256Digest> _erasedEpochs = [];

    public SiloState State { get; private set; } = new();

    /// <summary>The events that had an effect.</summary>
    public List<SiloEvent> Journal { get; } = [];

    /// <summary>All effects, in the order in which they were asked for.</summary>
    public List<SiloEffect> Effects { get; } = [];

    /// <summary>The effects that are not carried out.</summary>
    public List<SiloEffect> Pending { get; } = [];

    public void Take(SiloEvent @event)
    {
        SiloStep step = SiloMachine.Step(State, @event);
        if (step.Ignored is not null)
        {
            Assert.Empty(step.Effects);
            Assert.Same(State, step.State);
            return;
        }

        if (@event is StartReceived { Start.Slot: not null } start)
        {
            _starts[start.Rid] = start;
        }

        Journal.Add(@event);
        State = step.State;
        foreach (SiloEffect effect in step.Effects)
        {
            Asked(effect);
            Effects.Add(effect);
            Pending.Add(effect);
        }
    }

    /// <summary>Takes an effect as the agent does: what is obsolete is not carried out, and nothing else may need what was erased.</summary>
    /// <returns>Whether it is to be carried out.</returns>
    public bool CarryOut(SiloEffect effect)
    {
        Pending.Remove(effect);
        if (SiloMachine.IsObsolete(State, effect))
        {
            return false;
        }

        (Sha256Digest? sid, int? slot) = effect switch
        {
            MaskUpdate e => (e.Start.Slot!.Sid, e.Start.Slot.Slot),
            SendMasked e => (e.Start.Slot!.Sid, e.Start.Slot.Slot),
            UploadMasked e => (e.Start.Slot!.Sid, e.Start.Slot.Slot),
            SendUnmask e => (e.Sid, e.Slot),
            MakeEpochKeys e => (e.Parameters.Sid(), null),
            SendAdvertise e => (e.Body.Sid, null),
            DealShares e => (e.Sid, null),
            SendShares e => (e.Body.Sid, null),
            SendAcknowledgement e => (e.Body.Sid, null),
            _ => ((Sha256Digest?)null, (int?)null),
        };
        Assert.False(sid is { } used && _erasedEpochs.Contains(used), $"{effect} needs an epoch that is erased");
        Assert.False(sid is { } one && slot is { } place && _erasedSlots.Contains((one, place)), $"{effect} needs a slot that is erased");
        return true;
    }

    private void Asked(SiloEffect effect)
    {
        switch (effect)
        {
            case MaskUpdate e:
                Masked(e);
                break;
            case Train e:
                Assert.DoesNotContain(_masked, masked => masked.Job == e.Start.Job && masked.Round == e.Start.Round);
                break;
            case SendConsistency e:
                Assert.DoesNotContain(e.Body.Rid, _burned);
                Assert.Contains(_masked, masked => SecureStory.Rid(masked) == e.Body.Rid);
                _agreed.TryAdd((e.Job, e.Round), (e.Body.Rid, e.Body.U3Sha256));
                Assert.Equal(_agreed[(e.Job, e.Round)], (e.Body.Rid, e.Body.U3Sha256));
                break;
            case SendUnmask e:
                Assert.DoesNotContain(e.Rid, _burned);
                Assert.Equal(_agreed[(e.Job, e.Round)], (e.Rid, SiloMachine.FindSlot(State, e.Rid)!.Value.Record.U3Sha256!.Value));
                _revealed.Add(e.Rid);
                break;
            case SendBurned e:
                Assert.DoesNotContain(e.Body.Rid, _revealed);
                Assert.True(SiloMachine.FindSlot(State, e.Body.Rid) is null or { Record.Phase: SiloSlotPhase.Burned }, "a slot is said to be burned that is not");
                _burned.Add(e.Body.Rid);
                break;
            case EraseSlot e:
                _erasedSlots.Add((e.Sid, e.Slot));
                break;
            case EraseEpoch e:
                _erasedEpochs.Add(e.Sid);
                Assert.DoesNotContain(State.Epochs.Values, epoch => epoch.Sid == e.Sid);
                break;
        }
    }

    private void Masked(MaskUpdate effect)
    {
        RoundOpening start = effect.Start;
        (Sha256Digest, int) place = (start.Slot!.Sid, start.Slot.Slot);
        Assert.DoesNotContain(effect.Rid, _burned);
        Assert.DoesNotContain((start.Job, start.Round), _agreed.Keys);
        Assert.True(_armed.TryAdd(place, effect.Rid), "a slot is armed for one round, once");
        Assert.DoesNotContain(place, _erasedSlots);
        StartReceived received = _starts[effect.Rid];
        foreach (RoundOpening earlier in _masked.Where(earlier => earlier.ModelSha256 == start.ModelSha256))
        {
            if (earlier.Job == start.Job && earlier.Round == start.Round)
            {
                Assert.Equal(earlier.Slot!.RosterSha256, start.Slot.RosterSha256);
                Assert.Contains(SecureStory.Rid(earlier), _burned);
            }
            else
            {
                Assert.True(received.MayRepeat || received.Burned!.GetValueOrDefault(SecureStory.Rid(earlier).Hex, []).Count(idx => idx is >= 1 and <= 4) >= 3, "a later round from the same model");
            }
        }

        _masked.Add(start);
    }
}
