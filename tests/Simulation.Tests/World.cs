// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;

namespace FedCloud.Simulation.Tests;

/// <summary>A coordinator and its silos in one process, driven by a seeded scheduler that drops, delays, doubles, reorders and crashes.</summary>
/// <remarks>Crypto is symbolic: an event stands for a body whose signature verified. An update is three small integers that follow from silo, model and round.</remarks>
internal sealed partial class World
{
    private readonly Random _random;
    private readonly Faults _faults;
    private readonly List<(DateTimeOffset At, Action Deliver)> _network = [];
    private readonly Dictionary<string, (Sha256Digest Sha256, long[] Values)> _uploads = new(StringComparer.Ordinal);
    private readonly Dictionary<Sha256Digest, long[]> _updates = [];
    private readonly Dictionary<int, Sha256Digest> _versions = [];
    private readonly Dictionary<int, RoundRecord> _records = [];
    private readonly HashSet<(SiloId Silo, int Round)> _figures = [];
    private readonly Dictionary<int, PlainResultBody> _results = [];
    private readonly HashSet<int> _abandoned = [];
    private readonly HashSet<Sha256Digest> _logged = [];
    private readonly HashSet<Sha256Digest> _witnessed = [];
    private readonly SymbolicSilo[] _silos;
    private RunDocument _document;
    private RosterView _roster;
    private DateTimeOffset _now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    private int _channel;

    public World(int seed, RunConfig config, int silos, Faults faults)
    {
        _random = new Random(seed);
        _faults = faults;
        _silos = [.. Enumerable.Range(1, silos).Select(i => new SymbolicSilo(new SiloId($"silo-{i:D3}"), i) { Skew = TimeSpan.FromSeconds(_random.Next(-40, 41)) })];
        _roster = new RosterView
        {
            Sha256 = Hash("roster", 1),
            Version = 1,
            Members = _silos.ToImmutableSortedDictionary(silo => silo.Id, silo => silo.Idx),
        };
        _document = RunDocument.Open(RunMachine.Submit(config, _roster, _now));
    }

    public RunState State => _document.State;

    public int Steps { get; private set; }

    /// <summary>Runs the schedule to its end and checks every invariant.</summary>
    public void Run()
    {
        while (!State.IsFinal() || !_document.Pending.IsEmpty)
        {
            Require(++Steps < 20_000 + (100 * _silos.Length * State.Config.Rounds), "the run does not end");
            Step();
        }

        CheckEnd();
    }

    private void Step()
    {
        List<Action> enabled = [];
        if (!_document.Pending.IsEmpty)
        {
            enabled.Add(CoordinatorEffect);
        }

        foreach (SymbolicSilo silo in _silos.Where(silo => Ready(silo).Length > 0))
        {
            enabled.Add(() => SiloEffect(silo));
        }

        foreach ((DateTimeOffset At, Action Deliver) message in _network.Where(message => message.At <= _now))
        {
            enabled.Add(() =>
            {
                _network.Remove(message);
                message.Deliver();
            });
        }

        if (enabled.Count == 0)
        {
            AdvanceTime();
            return;
        }

        enabled[_random.Next(enabled.Count)]();
        if (Chance(_faults.Cancel))
        {
            _document = _document.Apply(null, new CancelRequested(_now), out _);
        }

        if (Chance(_faults.Revoke) && _roster.Members.Count > 2)
        {
            Revoke();
        }

        if (Chance(0.01))
        {
            RoundTrip();
        }
    }

    private void AdvanceTime()
    {
        List<DateTimeOffset> next = [.. _network.Select(message => message.At)];
        RunDeadline? deadline = RunMachine.NextDeadline(State);
        if (deadline is not null)
        {
            next.Add(deadline.At);
        }

        Require(next.Count > 0, "nothing is left to happen and the run has not ended");
        _now = next.Min() > _now ? next.Min() : _now;
        if (deadline is not null && deadline.At <= _now)
        {
            _document = _document.Apply(null, new DeadlineReached(_now, deadline.Key), out _);
        }

        foreach (SymbolicSilo silo in _silos)
        {
            foreach (SiloDeadline passed in SiloMachine.Deadlines(silo.State).Where(passed => passed.At <= _now + silo.Skew).ToList())
            {
                silo.Append(new SiloDeadlineReached(_now + silo.Skew, passed.Job, passed.Rid));
            }
        }
    }

    private void Revoke()
    {
        SiloId gone = _roster.Members.Keys.ElementAt(_random.Next(_roster.Members.Count));
        _roster = new RosterView { Sha256 = Hash("roster", _roster.Version + 1), Version = _roster.Version + 1, Members = _roster.Members.Remove(gone) };
        _document = _document.Apply(null, new RosterChanged(_now, _roster), out _);
    }

    // The document as the storage would give it back.
    private void RoundTrip()
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(_document, DocumentJson.Default.RunDocument);
        _document = JsonSerializer.Deserialize(json, DocumentJson.Default.RunDocument)!;
        Require(json.AsSpan().SequenceEqual(JsonSerializer.SerializeToUtf8Bytes(_document, DocumentJson.Default.RunDocument)), "a stored document changes when it is read");
    }

    private void CoordinatorEffect()
    {
        Pending<RunEffect> pending = _document.Pending[0];
        if (Chance(_faults.Crash))
        {
            return; // crashed before the effect: it is still pending
        }

        RunEvent? result = CarryOut(pending.Effect);
        if (Chance(_faults.Crash))
        {
            return; // crashed after the effect: it will be carried out again
        }

        _document = _document.Complete(pending.Id, result);
    }

    private RunEvent? CarryOut(RunEffect effect)
    {
        switch (effect)
        {
            case PrepareInitialModel:
                Require(!_versions.TryGetValue(0, out Sha256Digest known) || known == Hash("model", 0), "version 0 changed");
                _versions[0] = Hash("model", 0);
                return new InitialModelReady(_now, _versions[0], new FactorSizes(100, 200, 300), new FactorSizes(10, 20, 30));
            case SendOffer send:
                ToSilos(send.To, silo => silo.Append(new OfferReceived(_now + silo.Skew, send.Body, silo.Idx, Chance(0.02) ? ErrorCodes.PolicyRefused.Name : null)));
                return null;
            case SendStart send:
                // The entry is in the log before the start goes out; witness lines come later, or never.
                Sha256Digest rid = send.Body.Rid();
                if (_logged.Add(rid))
                {
                    Send(() => _witnessed.Add(rid));
                }

                ToSilos(send.To, silo => silo.Append(new StartReceived(_now + silo.Skew, RoundOpening.Of(send.Body), rid, silo.Idx, CommittedVersion.Of(send.Previous), null)));
                return null;
            case SendResult send:
                Require(!_results.TryGetValue(send.Body.Round, out PlainResultBody? before) || before.NewModelSha256 == send.Body.NewModelSha256, "two results for one round");
                _results[send.Body.Round] = send.Body;
                ToSilos(send.To, silo => silo.Append(new ResultReceived(_now + silo.Skew, send.Body)));
                return null;
            case SendAbandoned send:
                _abandoned.Add(send.Body.Round);
                ToSilos(send.To, silo => silo.Append(new AbandonedReceived(_now + silo.Skew, send.Body)));
                return null;
            case SendEnded send:
                ToSilos(send.To, silo => silo.Append(new EndedReceived(_now + silo.Skew, send.Body, EvaluationWanted: true)));
                return null;
            case VerifyUpdate verify:
                bool there = _uploads.TryGetValue(PathOf(verify.Silo, verify.Round, verify.Update.Attempt), out (Sha256Digest Sha256, long[] Values) upload) && upload.Sha256 == verify.Update.Sha256;
                return there
                    ? new UpdateVerified(_now, verify.Silo, verify.Rid, verify.Update)
                    : new UpdateRejected(_now, verify.Silo, verify.Rid, verify.Update, ErrorCodes.UpdateMissing.Name);
            case AggregateRound aggregate:
                return Aggregate(aggregate);
            case PublishVersion publish:
                Require(_versions.ContainsKey(publish.Version.Version - 1), "a version without the one before it");
                Require(!_versions.TryGetValue(publish.Version.Version, out Sha256Digest old) || old == publish.Version.Sha256, "two contents for one version");
                _versions[publish.Version.Version] = publish.Version.Sha256;
                return new VersionPublished(_now, publish.Version.Version);
            case MoveChannel move:
                Require(_versions[move.Version.Version] == move.Version.Sha256, "the channel moves to a version that is not published");
                Require(move.Version.Version >= _channel, "the channel moves back");
                _channel = move.Version.Version;
                return new ChannelMoved(_now, move.Version.Version);
            case RecordRound record:
                Require(record.Record.Members.All(member => member.Value.Metrics.IsEmpty || _figures.Contains((member.Key, record.Record.Round))), "figures are recorded whose message was not kept");
                _records[record.Record.Round] = record.Record;
                return null;
            case KeepFigures keep:
                _figures.Add((keep.Silo, keep.Round));
                return null;
            default:
                throw new InvalidOperationException(effect.GetType().Name);
        }
    }

    private AggregateReady Aggregate(AggregateRound effect)
    {
        Require(effect.Summands.Select(summand => summand.Silo).Distinct().Count() == effect.Summands.Length, "a silo is counted twice");
        Require(effect.Summands.Select(summand => summand.Idx).SequenceEqual(effect.Summands.Select(summand => summand.Idx).Order()), "the sum is out of order");
        foreach (Summand summand in effect.Summands)
        {
            long[] expected = UpdateOf(summand.Silo, effect.Model.Sha256, effect.Round);
            Require(_updates[summand.Update.Sha256].AsSpan().SequenceEqual(expected), "an update of another round or model is summed");
        }

        Sha256Digest mean = MeanOf([.. effect.Summands.Select(summand => (summand.Update.Sha256, summand.Update.Weight))]);
        Sha256Digest model = Hash(effect.Model.Sha256.Hex, mean.Hex);
        return new AggregateReady(_now, effect.Rid, new AggregateReference { AggregateSha256 = mean, NewModelSha256 = model, Norm = 1 });
    }

    private void ToCoordinator(string id, RunEvent @event) =>
        Send(() => _document = _document.Apply(id, @event with { At = _now }, out _));

    private void ToSilos(IEnumerable<SiloId> to, Action<SymbolicSilo> deliver)
    {
        foreach (SiloId id in to)
        {
            SymbolicSilo silo = _silos.First(silo => silo.Id == id);
            Send(() => deliver(silo));
        }
    }

    private void Send(Action deliver)
    {
        if (Chance(_faults.Drop))
        {
            return;
        }

        int copies = Chance(_faults.Duplicate) ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            _network.Add((_now + TimeSpan.FromMilliseconds(_random.Next(0, 20_000)), deliver));
        }
    }

    private void CheckEnd()
    {
        Require(_document.Pending.IsEmpty, "an effect is lost");
        Require(_versions.Keys.Order().SequenceEqual(Enumerable.Range(0, _versions.Count)), "versions have a gap");
        Require(State.Model is null || State.Model.Version == State.CommittedRounds, "committed rounds and versions differ");
        Require(State.Model is null || _versions[State.Model.Version] == State.Model.Sha256, "the newest version is not published");
        Require(_channel == State.CommittedRounds, "the channel does not point at the newest version");
        Require(_results.Count == State.CommittedRounds, "a committed round has no result");
        Require(!_results.Keys.Any(_abandoned.Contains), "a round is committed and abandoned");
        Require(State.Phase != RunPhase.Completed || State.CommittedRounds == State.Config.Rounds, "a completed run lacks rounds");
        foreach ((int round, PlainResultBody result) in _results)
        {
            Require(result.Members.Length >= State.Config.Participation.Quorum, "a round below its quorum is committed");
            Require(result.AggregateSha256 == MeanOf([.. result.Members.Select(member => (member.UpdateSha256, member.Weight))]), "the aggregate is not the mean of the named members");
            Require(_records.TryGetValue(round, out RoundRecord? record) && record.NewModel?.Sha256 == result.NewModelSha256, "the record and the result differ");
        }
    }

    private Sha256Digest MeanOf(ImmutableArray<(Sha256Digest Update, long Weight)> summands)
    {
        long weights = summands.Sum(summand => summand.Weight);
        IEnumerable<string> mean = Enumerable.Range(0, 3).Select(i => string.Create(CultureInfo.InvariantCulture, $"{summands.Sum(summand => summand.Weight * _updates[summand.Update][i])}/{weights}"));
        return Hash("mean", string.Join(',', mean));
    }

    private Sha256Digest Register(long[] update)
    {
        Sha256Digest digest = Hash("update", string.Join(',', update));
        _updates[digest] = update;
        return digest;
    }

    private static long[] UpdateOf(SiloId silo, Sha256Digest model, int round)
    {
        byte[] bytes = Hash(silo.Value, $"{model}/{round}").ToBytes();
        return [bytes[0], bytes[1], bytes[2] + (256L * bytes[3])];
    }

    private static string PathOf(SiloId silo, int round, int attempt) => $"{silo}/{round}/{attempt}";

    private static Sha256Digest Hash(string label, object value) => Sha256Digest.Of(Encoding.ASCII.GetBytes($"{label}:{value}"));

    private bool Chance(double probability) => _random.NextDouble() < probability;

    private static void Require(bool holds, string broken)
    {
        if (!holds)
        {
            throw new InvalidOperationException(broken);
        }
    }
}
