// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Silos;
using static FedCloud.Protocol.Tests.Silos.SecureStory;
using static FedCloud.Protocol.Tests.Silos.SiloStory;

namespace FedCloud.Protocol.Tests.Silos;

/// <summary>A coordinator that breaks every rule, with hosts that fail: two runs, few slots and models, so that conflicts are common.</summary>
internal sealed class HostileCoordinator(Random random)
{
    private readonly List<StartReceived> _starts = [];
    private int _vectors;

    /// <summary>One event, or one effect of the agent carried out.</summary>
    public void Next(WatchedSilo silo)
    {
        if (silo.State.Runs.IsEmpty)
        {
            silo.Take(new OfferReceived(Now, Offer(), 1, null, IsSecure: true));
            silo.Take(new OfferReceived(Now, Offer() with { Job = Second }, 1, null, IsSecure: true, IsPrivate: true));
        }
        else if (silo.Pending.Count > 0 && random.Next(3) > 0)
        {
            SiloEffect effect = Any(silo.Pending);
            if (silo.CarryOut(effect) && ResultOf(effect) is { } result)
            {
                silo.Take(result);
            }
        }
        else
        {
            silo.Take(random.Next(25) switch
            {
                < 6 => AboutAnEpoch(silo.State),
                < 11 => AStart(silo.State),
                < 24 => silo.State.LogRefusal is null || random.Next(8) > 0 ? AboutARound(silo.State) : new LogResumed(Now),
                _ => AboutTheHost(silo.State),
            });
        }
    }

    private SiloEvent AboutAnEpoch(SiloState state)
    {
        long known = Math.Max(1, state.LastEpoch - random.Next(2));
        return random.Next(5) switch
        {
            0 => Called(state.Epochs.IsEmpty || random.Next(8) == 0 ? state.LastEpoch + 1 : known, random.Next(10) == 0 ? "other roster" : "roster"),
            1 => List(known, Rarely("other list", "list")),
            2 or 3 => Accepted(known, Rarely("other cohort", "cohort")),
            _ when random.Next(4) == 0 => Refusal(known),
            _ => List(known),
        };
    }

    private StartReceived AStart(SiloState state)
    {
        if (_starts.Count > 0 && random.Next(4) == 0)
        {
            return Any(_starts);
        }

        RunId job = random.Next(2) == 0 ? Job : Second;
        SiloRun run = state.Runs[job];
        int round = Math.Max(1, run.LastRound + random.Next(3) - 1);
        RoundOpening opening = Opening(round, random.Next(8), AnEpoch(state), job, run.Model.Version, Rarely("another model", string.Empty), Rarely("other roster", "roster"));
        (RoundOpening Of, int[] By)[] burned = [.. state.MaskedFrom.GetValueOrDefault(opening.ModelSha256.Hex, [])
            .Where(_ => random.Next(4) > 0)
            .Select(earlier => (_starts.First(start => start.Rid == earlier.Rid).Start, random.Next(2) == 0 ? new[] { 1, 2, 9 } : [2, 3, 4]))];
        _starts.Add(Started(opening, null, random.Next(5) == 0, burned) with { Refusal = random.Next(10) == 0 ? "policy_refused" : null });
        return _starts[^1];
    }

    // Mostly one that is usable.
    private long AnEpoch(SiloState state)
    {
        long[] usable = [.. state.Epochs.Where(epoch => epoch.Value.Phase == SiloEpochPhase.Acknowledged).Select(epoch => epoch.Key)];
        return usable.Length > 0 && random.Next(10) > 0 ? Any(usable) : Math.Max(1, state.LastEpoch);
    }

    private SiloEvent AboutARound(SiloState state)
    {
        // Mostly one that has a slot.
        RoundOpening[] rounds = [.. state.Epochs.Values.SelectMany(epoch => epoch.Slots.Values).Where(slot => slot.IsInUse || random.Next(4) == 0).Select(slot => slot.Start)];
        RoundOpening start = rounds.Length > 0 && random.Next(4) > 0 ? Any(rounds) : _starts.Count > 0 ? Any(_starts).Start : Opening(1, 0);
        return random.Next(30) switch
        {
            < 10 => U3(start, Rarely("other list", "u3")),
            < 20 => Agreement(start, Rarely("other list", "u3")),
            < 23 => Abandoned(start),
            < 25 => Committed(start),
            < 27 => Late(start),
            27 => Vector(start, "stray"),
            _ => random.Next(12) == 0 ? SecureStory.Ended(start.Job, Rarely("completed", "failed")) : Witnessed(start),
        };
    }

    private SiloEvent AboutTheHost(SiloState state) => random.Next(8) switch
    {
        0 => new AgentRestarted(Now, random.Next(3) > 0, Hash("token")),
        1 => new JournalOlder(Now, Hash(Rarely("head", "another head"))),
        2 => new RosterFollowed(Now, Hash(Rarely("next roster", "roster")), random.Next(2) == 0),
        3 => new EpochExpired(Now, Sid(Math.Max(1, state.LastEpoch - random.Next(2)))),
        4 => new LogRefused(Now, "log_fork", []),
        5 or 6 => new LogResumed(Now),
        _ => new Misbehaved(Now, Job, "ack_invalid", [Sha256Digest.Zero]),
    };

    // The agent's answer to an effect; most of the time it works.
    private SiloEvent? ResultOf(SiloEffect effect) => effect switch
    {
        MakeEpochKeys e => Keys(e.Parameters.Epoch),
        DealShares e => new SharesDealt(Now, e.Sid, Dealt(1).Body with { Sid = e.Sid }),
        Train e => random.Next(10) == 0 ? Failed(e.Start) : Trained(e.Start),
        AwaitWitnesses e => random.Next(10) == 0 ? new RoundMisrecorded(Now, e.Start.Job, e.Rid, Hash("entry")) : Witnessed(e.Start),
        MaskUpdate e => random.Next(10) == 0 ? Failed(e.Start) : Vector(e.Start, string.Create(CultureInfo.InvariantCulture, $"y{_vectors++}")),
        UploadMasked e => random.Next(4) == 0 ? new UploadRefused(Now, e.Start.Job, e.Body.Rid, e.Attempt) : new UpdateUploaded(Now, e.Start.Job, e.Body.Rid, e.Attempt),
        _ => null,
    };

    private string Rarely(string one, string other) => random.Next(8) == 0 ? one : other;

    private T Any<T>(IReadOnlyList<T> from) => from[random.Next(from.Count)];
}
