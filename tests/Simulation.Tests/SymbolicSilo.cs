// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Silos;

namespace FedCloud.Simulation.Tests;

/// <summary>A silo whose journal is a list: what is in the list survives a crash, everything else is rebuilt from it.</summary>
internal sealed class SymbolicSilo(SiloId id, int idx)
{
    private readonly List<(long? Done, SiloEvent? Event)> _journal = [];
    private long _nextEffect = 1;

    public SiloId Id { get; } = id;

    public int Idx { get; } = idx;

    public SiloState State { get; private set; } = new();

    public List<(long Id, SiloEffect Effect)> Pending { get; private set; } = [];

    /// <summary>The one update that this silo signed for each round.</summary>
    public Dictionary<int, Sha256Digest> Signed { get; } = [];

    public TimeSpan Skew { get; init; }

    public void Append(SiloEvent @event)
    {
        SiloStep step = SiloMachine.Step(State, @event);
        if (step.Ignored is null)
        {
            _journal.Add((null, @event));
            Take(step);
        }
    }

    public void Complete(long effect, SiloEvent? result)
    {
        _journal.Add((effect, result));
        TakeDone(effect, result);
    }

    /// <summary>Everything but the journal is lost.</summary>
    public void Crash()
    {
        SiloState before = State;
        (State, Pending, _nextEffect) = (new SiloState(), [], 1);
        foreach ((long? done, SiloEvent? @event) in _journal)
        {
            if (done is { } effect)
            {
                TakeDone(effect, @event);
            }
            else
            {
                Take(SiloMachine.Step(State, @event!));
            }
        }

        if (before.Runs.Count != State.Runs.Count || before.Runs.Any(run => run.Value.Phase != State.Runs[run.Key].Phase || run.Value.LastRound != State.Runs[run.Key].LastRound))
        {
            throw new InvalidOperationException("a replayed journal leads to another state");
        }
    }

    private void Take(SiloStep step)
    {
        State = step.State;
        foreach (SiloEffect effect in step.Effects)
        {
            Pending.Add((_nextEffect++, effect));
        }
    }

    private void TakeDone(long effect, SiloEvent? result)
    {
        Pending.RemoveAll(pending => pending.Id == effect);
        if (result is not null)
        {
            Take(SiloMachine.Step(State, result));
        }
    }
}
