// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Collections.Immutable;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Aggregation;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Tests.SecureAggregation;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>A log with two real rounds of secure aggregation of four silos, and all that recomputes them: silo 4 drops out of the second.</summary>
internal sealed class SumStory
{
    public static readonly RunId Job = new("run-sum");

    private const int Slots = 3;

    private static readonly AdapterLayout Layout = new([new LinearShape("model.layers.0.self_attn.q_proj", 5, 3), new LinearShape("model.layers.1.self_attn.q_proj", 5, 3)], 2);

    private readonly List<OpenedRound> _rounds = [];
    private readonly TestFederation _epoch;

    /// <param name="gate">The plan's own gate, which this coordinator does not mind; null for none.</param>
    public SumStory(decimal? gate = null)
    {
        RunConfig plan = Plan();
        Config = plan with { Aggregation = plan.Aggregation with { AggregateNormMax = gate } };
        Story = new LogStory();
        AuditFederation federation = Story.Federation;
        EpochParams parameters = EpochParams.Create(federation.Roster.Federation, 2, federation.Roster.Digest(), federation.Roster.N, Slots);
        _epoch = new TestFederation(parameters, Enumerable.Range(1, 4).ToDictionary(u => u, u => federation.Members[u - 1].Identity), federation.CoordinatorKey);
        byte[] first = Version(path => ModelVersionFile.WriteInitial(path, Config, Layout));
        Story.AppendBatch(
            Story.C("submit-sum", EntryTypes.PlanSubmitted, [("config", Config.Digest), ("initial_model", Sha256Digest.Of(first))], [("role", EntryField.Of("operator"))], Job),
            Story.C("sum-open", EntryTypes.EpochOpen, [("sid", parameters.Sid()), ("l1", _epoch.Members.L1)], [("epoch", LogStory.Int(2)), ("slots", LogStory.Int(Slots))]),
            Story.C("sum-ready", EntryTypes.EpochReady, [("sid", parameters.Sid()), ("u2", Derivations.CohortHash(parameters.Sid(), [1, 2, 3, 4]))], []));
        OpenedRound one = Tell(1, first, [1, 2, 3, 4]);
        Tell(2, one.Next, [1, 2, 3]);
        Story.AppendBatch(Story.Access("after-sums"));
    }

    public LogStory Story { get; }

    public RunConfig Config { get; }

    public IReadOnlyList<OpenedRound> Rounds => _rounds;

    public TestFederation Epoch => _epoch;

    /// <summary>The evidence with everything that recomputes both rounds.</summary>
    public MemoryEvidence Write()
    {
        MemoryEvidence evidence = Story.Write();
        evidence.Files[EvidenceLayout.Blob(Config.Digest)] = Config.ToJcs();
        foreach (OpenedRound round in _rounds)
        {
            evidence.Files[EvidenceLayout.Blob(Sha256Digest.Of(round.Model))] = round.Model;
            evidence.Files[EvidenceLayout.Round(round.Rid)] = round.Evidence.ToJcs();
            foreach ((int idx, byte[] vector) in round.Vectors)
            {
                evidence.Files[EvidenceLayout.Vector(round.Rid, idx)] = vector;
            }
        }

        return evidence;
    }

    /// <summary>Another attempt at the first round, of which the log has only the start.</summary>
    public RoundScope Attempt()
    {
        RoundScope first = _rounds[0].Scope;
        RoundScope other = RoundScope.Create(_epoch.Members, first.U2, 2, first.Round, first.ModelSha256, first.ConfigSha256, first.D, first.Ring);
        Story.InsertAfter("sum-start-1", Start(other) with { Name = "sum-attempt" });
        return other;
    }

    private static RunConfig Plan()
    {
        static PlanEntry Section(string name, string field, string value) => new(1, name, new PlanMapping(1, [new PlanEntry(1, field, new PlanScalar(1, value, Quoted: false))]));
        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = Job.Value, ["federation"] = "test-federation", ["base_model"] = Sha256Digest.Zero.Hex };
        return PlanReader.Require(PlanReader.Read(new PlanMapping(1, [Section("aggregation", "mode", "secure"), Section("lora", "rank", "2")]), filledIn));
    }

    private OpenedRound Tell(int number, byte[] model, int[] u3)
    {
        RingLayout ring = PlannedRing.LayoutOf(Config, 4, Layout.UpdateCoordinates(ExchangedFactor.B));
        RoundScope scope = RoundScope.Create(_epoch.Members, [1, 2, 3, 4], number - 1, number, Sha256Digest.Of(model), Config.Digest, ring.D, ring.Ring);
        TestRound round = new(_epoch, scope, u3.ToDictionary(u => u, u => Input(ring, u)));
        using RevealedSecrets secrets = round.Reveal([1, 2, 3]);
        using MemoryStream z = new();
        Sha256Digest aggregate = RoundAggregate.Compute(scope, round.Agreement, secrets, round.Streams(), z);
        byte[] next = Next(model, number, scope, u3.Length, z);
        OpenedRound opened = new(scope, round.Evidence(secrets, aggregate, Job, Sha256Digest.Of(next)), round.Vectors, model, next);
        _rounds.Add(opened);
        Story.AppendBatch(Start(scope) with { Name = $"sum-start-{number}" });
        Story.AppendBatch(Rest(number, opened, round, secrets.SeedsSha256(), aggregate));
        return opened;
    }

    private StoryEntry Start(RoundScope scope) => Story.C(
        "start",
        EntryTypes.RoundStart,
        [("rid", scope.Rid), ("model", scope.ModelSha256), ("config", scope.ConfigSha256)],
        [("slot", LogStory.Int(scope.Slot)), ("d", LogStory.Int(scope.D)), ("k", LogStory.Int(scope.Ring.Bits)), ("deadline", LogStory.Int(1000))],
        Job,
        (int)scope.Round);

    private StoryEntry[] Rest(int number, OpenedRound opened, TestRound round, Sha256Digest seeds, Sha256Digest aggregate) =>
    [
        .. round.MaskedEnvelopes.Zip(round.Masked.Keys.Order(), (envelope, idx) => Story.C(
            $"sum-masked-{number}-{idx}",
            EntryTypes.Masked,
            [("rid", opened.Rid), ("masked", envelope.Identity), ("ledger_head", Sha256Digest.Zero), ("journal_head", round.Masked[idx].JournalHead)],
            [("idx", LogStory.Int(idx))],
            Job,
            number)),
        Story.C($"sum-u3-{number}", EntryTypes.U3, [("rid", opened.Rid), ("u3", round.List.U3Sha256)], [("count", LogStory.Int(round.Masked.Count))], Job, number),
        Story.C(
            $"sum-result-{number}",
            EntryTypes.Result,
            [("rid", opened.Rid), ("u3", round.List.U3Sha256), ("seeds", seeds), ("aggregate", aggregate), ("new_model", Sha256Digest.Of(opened.Next))],
            [],
            Job,
            number),
        Story.C(
            $"sum-moved-{number}",
            EntryTypes.ChannelMoved,
            [("model", Sha256Digest.Of(opened.Next))],
            [("adapter", EntryField.Of(Config.Adapter)), ("channel", EntryField.Of("latest")), ("version", LogStory.Int(number)), ("reason", EntryField.Of("round_committed"))],
            Job),
    ];

    // Small grid values, and the weight that every silo has.
    private static byte[] Input(RingLayout ring, int silo)
    {
        byte[] words = new byte[ring.Ring.VectorBytes(ring.D)];
        for (int i = 0; i < ring.D; i++)
        {
            long value = i == ring.D - 1 ? ring.Limit : (1000 * silo) - (77 * i);
            BinaryPrimitives.WriteInt32LittleEndian(words.AsSpan(4 * i), (int)value);
        }

        return words;
    }

    private byte[] Next(byte[] model, int version, RoundScope scope, int contributors, MemoryStream z)
    {
        using MemoryStream mean = new();
        SumOpening.Open(PlannedRing.TermsOf(Config, 4, scope.D - 1) with { NormMaximum = null }, scope.Rid, contributors, z, mean);
        return Version(path =>
        {
            string previous = path + ".previous";
            File.WriteAllBytes(previous, model);
            using SafetensorsFile file = SafetensorsFile.Open(previous, SafetensorsLimits.Foreign);
            ModelVersionFile.WriteNext(path, Config, Layout, file, version, ExchangedFactor.B, mean);
        });
    }

    private static byte[] Version(Action<string> write)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory();
        string path = Path.Combine(folder.FullName, "version");
        write(path);
        byte[] bytes = File.ReadAllBytes(path);
        folder.Delete(recursive: true);
        return bytes;
    }

    internal sealed record OpenedRound(RoundScope Scope, RoundEvidence Evidence, Dictionary<int, byte[]> Vectors, byte[] Model, byte[] Next)
    {
        public Sha256Digest Rid => Scope.Rid;
    }
}
