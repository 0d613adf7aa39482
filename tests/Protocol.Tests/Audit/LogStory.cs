// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>A log that keeps all rules, told as batches of entries. A test changes one thing and writes the evidence.</summary>
internal sealed class LogStory
{
    public static readonly RunId Private = new("run-private");
    public static readonly RunId Public = new("run-public");
    public static readonly RunId Plain = new("run-plain");

    private static readonly Sha256Digest Sid = AuditFederation.Hash("sid");
    private static readonly Sha256Digest U2 = AuditFederation.Hash("u2");

    public LogStory(int n = 4)
    {
        Federation = new AuditFederation(n);
        Tell();
    }

    public AuditFederation Federation { get; }

    public List<List<StoryEntry>> Batches { get; } = [];

    /// <summary>Who adds witness lines, by batch.</summary>
    public Func<int, IEnumerable<AuditFederation.Member>> Witnesses { get; set; } = _ => [];

    /// <summary>The keys that sign the checkpoint of a batch.</summary>
    public Func<int, ECDsa[]> LogKeys { get; set; } = _ => [];

    public (int Batch, int At) Find(string name)
    {
        int batch = Batches.FindIndex(entries => entries.Exists(entry => entry.Name == name));
        return (batch, Batches[batch].FindIndex(entry => entry.Name == name));
    }

    public StoryEntry this[string name]
    {
        get => Batches[Find(name).Batch][Find(name).At];
        set => Batches[Find(name).Batch][Find(name).At] = value;
    }

    public void Remove(string name) => Batches[Find(name).Batch].RemoveAt(Find(name).At);

    public void InsertAfter(string name, StoryEntry entry) => Batches[Find(name).Batch].Insert(Find(name).At + 1, entry);

    public void AppendBatch(params StoryEntry[] entries) => Batches.Add([.. entries]);

    public StoryEntry C(string name, string type, (string, Sha256Digest)[] subjects, (string, EntryField)[] fields, RunId? job = null, int? round = null) => new(name, type, 0, subjects, fields, job, round);

    public StoryEntry Access(string name) => C(name, EntryTypes.Access, [("resource", AuditFederation.Hash(name))], [("operation", EntryField.Of("read")), ("result", EntryField.Of("done"))]);

    public StoryEntry RosterEntry(Roster roster) => C(
        $"roster-{roster.Version}",
        EntryTypes.Roster,
        [("roster", roster.Digest())],
        [("version", Int(roster.Version)), ("n", Int(roster.N)), ("t", Int(Roster.Threshold(roster.N))), ("signatures", Int(1))]);

    public StoryEntry Budget(string name, string code, int silo, string before, string after, RunId? job = null, int? round = null) => new(
        name,
        EntryTypes.Budget,
        silo,
        [("receipt", AuditFederation.Hash(name)), ("dataset", AuditFederation.Hash($"dataset-{silo}")), ("head_before", AuditFederation.Hash(before)), ("head_after", AuditFederation.Hash(after))],
        [("code", EntryField.Of(code))],
        job,
        round);

    /// <summary>The entries of a round of secure aggregation: start, then masked by three silos, u3 and result.</summary>
    public (StoryEntry Start, StoryEntry[] After) Round(RunId job, int round, int slot, string model, string next, Func<int, Sha256Digest>? head = null)
    {
        Sha256Digest rid = Rid(Sid, slot, round, Model(model), AuditFederation.Hash($"config-{job}"), 10, 32, U2);
        StoryEntry start = C(
            $"start-{job}-{round}",
            EntryTypes.RoundStart,
            [("rid", rid), ("model", Model(model)), ("config", AuditFederation.Hash($"config-{job}"))],
            [("slot", Int(slot)), ("d", Int(10)), ("k", Int(32)), ("deadline", Int(1))],
            job,
            round);
        return (start, Rest(job, round, rid, next, head ?? (_ => Sha256Digest.Zero)));
    }

    /// <summary>Writes the evidence.</summary>
    public MemoryEvidence Write(bool pruned = false)
    {
        Federation.ResetNumbers();
        List<byte[]> entries = [];
        List<int> sizes = [];
        MemoryEvidence evidence = new();
        foreach (List<StoryEntry> batch in Batches)
        {
            entries.AddRange(batch.Select(Sign));
            sizes.Add(entries.Count);
        }

        foreach ((string path, byte[] bytes) in MerkleTrees.Files([.. entries], [.. sizes]))
        {
            evidence.Files[EvidenceLayout.Of(LogContainer.Log, path)] = bytes;
        }

        for (int batch = 0; batch < sizes.Count; batch++)
        {
            WriteCheckpoint(evidence, batch, sizes[batch], [.. entries[..sizes[batch]]]);
        }

        foreach ((int version, RosterBundle bundle) in Federation.Bundles())
        {
            evidence.Files[EvidenceLayout.Roster(version)] = bundle.ToJson();
        }

        foreach (VerificationKey key in Federation.Keys.Values.Where(key => Federation.Bundles().Any(bundle => Roster.Parse(bundle.Bundle.Roster.Payload).CoordinatorSpkiSha256.Contains(key.Fingerprint))))
        {
            evidence.Files[EvidenceLayout.Key(key.Fingerprint)] = key.Spki.ToArray();
        }

        if (pruned)
        {
            evidence.Prune(entries.Count);
        }

        return evidence;
    }

    public static EntryField Int(long value) => EntryField.Of(value);

    public static Sha256Digest Model(string name) => AuditFederation.Hash($"model-{name}");

    public static Sha256Digest RidOf(StoryEntry entry) => entry.Subjects.Single(subject => subject.Item1 == "rid").Item2;

    /// <summary>The rid of secure-aggregation, section 4, written again: the judge of the verifier's own.</summary>
    public static Sha256Digest Rid(Sha256Digest sid, int slot, long round, Sha256Digest model, Sha256Digest config, long d, byte k, Sha256Digest u2)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes("fedcloud/secagg/v1/round\0"));
        hash.AppendData(sid.ToBytes());
        byte[] number = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(number, slot);
        hash.AppendData(number, 0, 4);
        BinaryPrimitives.WriteInt64BigEndian(number, round);
        hash.AppendData(number);
        hash.AppendData(model.ToBytes());
        hash.AppendData(config.ToBytes());
        BinaryPrimitives.WriteInt64BigEndian(number, d);
        hash.AppendData(number);
        hash.AppendData([k]);
        hash.AppendData(u2.ToBytes());
        return Sha256Digest.FromBytes(hash.GetHashAndReset());
    }

    private StoryEntry[] Rest(RunId job, int round, Sha256Digest rid, string next, Func<int, Sha256Digest> head) =>
    [
        .. Enumerable.Range(1, 3).Select(idx => C(
            $"masked-{job}-{round}-{idx}",
            EntryTypes.Masked,
            [("rid", rid), ("masked", AuditFederation.Hash($"masked {rid} {idx}")), ("ledger_head", head(idx)), ("journal_head", AuditFederation.Hash($"journal {rid} {idx}"))],
            [("idx", Int(idx))],
            job,
            round)),
        C($"u3-{job}-{round}", EntryTypes.U3, [("rid", rid), ("u3", AuditFederation.Hash($"u3 {rid}"))], [("count", Int(3))], job, round),
        C(
            $"result-{job}-{round}",
            EntryTypes.Result,
            [("rid", rid), ("u3", AuditFederation.Hash($"u3 {rid}")), ("seeds", AuditFederation.Hash("seeds")), ("aggregate", AuditFederation.Hash("z")), ("new_model", Model(next))],
            [],
            job,
            round),
    ];

    private void Tell()
    {
        Witnesses = _ => Federation.Members;
        LogKeys = _ => [Federation.Log];
        AppendBatch(RosterEntry(Federation.Roster));
        AppendBatch(
            C("kek", EntryTypes.KekCurrent, [("kek", AuditFederation.Hash("kek"))], [("kid", EntryField.Of("file:update-kek/1"))]),
            C("deploy", EntryTypes.Deploy, [("image", AuditFederation.Hash("image")), ("materials", AuditFederation.Hash("bom")), ("code", AuditFederation.Hash("code"))], []),
            C("submit-private", EntryTypes.PlanSubmitted, [("config", AuditFederation.Hash($"config-{Private}")), ("initial_model", Model("private-0"))], [("role", EntryField.Of("operator"))], Private),
            C("submit-public", EntryTypes.PlanSubmitted, [("config", AuditFederation.Hash($"config-{Public}")), ("initial_model", Model("public-0"))], [("role", EntryField.Of("operator"))], Public),
            new StoryEntry("policy", EntryTypes.Policy, 1, [("policy", AuditFederation.Hash("policy"))], [("silo", EntryField.Of("silo-1"))]) { IsAdmin = true });
        AppendBatch([.. Enumerable.Range(1, Federation.Roster.N).Select(idx => Started(idx, continuous: false))]);
        AppendBatch(
            C("epoch-open", EntryTypes.EpochOpen, [("sid", Sid), ("l1", AuditFederation.Hash("l1"))], [("epoch", Int(1)), ("slots", Int(16))]),
            C("epoch-ready", EntryTypes.EpochReady, [("sid", Sid), ("u2", U2)], []),
            Budget("reserve-1", "reserve", 1, "head-1-0", "head-1-1", Private),
            Budget("reserve-2", "reserve", 2, "head-2-0", "head-2-1", Private),
            Budget("reserve-3", "reserve", 3, "head-3-0", "head-3-1", Private));
        TellRounds();
        AppendBatch(Access("last"));
    }

    public StoryEntry Started(int idx, bool continuous) =>
        new($"started-{idx}", EntryTypes.AgentStarted, idx, [("nonce", AuditFederation.Hash($"nonce-{idx}")), ("journal_head", AuditFederation.Hash($"head-{idx}"))], [("idx", Int(idx)), ("continuous", EntryField.Of(continuous))]);

    private void TellRounds()
    {
        for (int round = 1; round <= 2; round++)
        {
            (StoryEntry start, StoryEntry[] rest) = Round(Private, round, round - 1, $"private-{round - 1}", $"private-{round}", idx => AuditFederation.Hash($"head-{idx}-{round + 1}"));
            AppendBatch(start);
            AppendBatch([.. Enumerable.Range(1, 3).Select(idx => Budget($"charge-{round}-{idx}", "charge", idx, $"head-{idx}-{round}", $"head-{idx}-{round + 1}", Private, round)), .. rest]);
        }

        (StoryEntry publicStart, StoryEntry[] publicRest) = Round(Public, 1, 2, "public-0", "public-1");
        AppendBatch(publicStart);
        AppendBatch(publicRest);
        (StoryEntry plainStart, StoryEntry[] plainRest) = Round(Plain, 1, 0, "plain-0", "plain-1");
        AppendBatch(plainStart.WithField("k", Int(8)));
        AppendBatch(plainRest);
        AppendBatch(
            [
                .. Enumerable.Range(1, 3).Select(idx => new StoryEntry($"commit-1-{idx}", EntryTypes.BeaconCommit, idx, [("commitment", Sha256Digest.Of(AuditFederation.Hash($"{idx}").ToBytes()))], [("draw", Int(1)), ("idx", Int(idx))])),
                .. Enumerable.Range(1, 3).Select(idx => new StoryEntry($"reveal-1-{idx}", EntryTypes.BeaconReveal, idx, [("commitment", Sha256Digest.Of(AuditFederation.Hash($"{idx}").ToBytes()))], [("draw", Int(1)), ("idx", Int(idx)), ("value", EntryField.Of(AuditFederation.Hash($"{idx}").Hex))])),
            ]);
    }

    private byte[] Sign(StoryEntry draft)
    {
        LogEntry entry = (draft.Silo, draft.IsAdmin) switch
        {
            (0, _) => Federation.Coordinator(draft.Type, draft.Subjects, draft.Fields, draft.Job, draft.Round),
            (_, true) => Federation.Admin(draft.Silo, draft.Type, draft.Subjects, draft.Fields, draft.Job, draft.Round),
            _ => Federation.Silo(draft.Silo, draft.Type, draft.Subjects, draft.Fields, draft.Job, draft.Round),
        };
        LogEntry forged = draft.Forge(entry);
        if (!ReferenceEquals(forged, entry) && ReferenceEquals(forged.Dsse, entry.Dsse))
        {
            forged = Federation.Resign(forged, draft.Silo == 0 ? Federation.CoordinatorKey : draft.IsAdmin ? Federation.Members[draft.Silo - 1].Admin : Federation.Members[draft.Silo - 1].Identity);
        }

        return draft.Spoil(Jcs.Serialize(forged, LogEntryJson.Default.LogEntry));
    }

    private void WriteCheckpoint(MemoryEvidence evidence, int batch, int size, byte[][] entries)
    {
        CompactRange range = new();
        foreach (byte[] entry in entries)
        {
            range.Append(MerkleTree.HashLeaf(entry));
        }

        string text = new Checkpoint { Origin = AuditFederation.Origin, Size = size, Root = range.Root() }.ToText();
        SignedNote note = new(text, [.. LogKeys(batch).Select(key => Line(NoteKey.Of(AuditFederation.Origin, VerificationKey.Of(key)), key, text))]);
        evidence.Files[EvidenceLayout.Of(LogContainer.Log, LogPaths.Archive(size))] = note.ToBytes();
        evidence.Files[EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Head)] = note.ToBytes();
        foreach (AuditFederation.Member member in Witnesses(batch))
        {
            evidence.Files[EvidenceLayout.Of(LogContainer.Log, LogPaths.Cosigned(size, member.Silo))] = note.With(Line(member.WitnessKey, member.Witness, text)).ToBytes();
        }
    }

    public static NoteSignature Line(NoteKey name, ECDsa key, string text) =>
        new(name.Name, name.Id, key.SignData(Encoding.UTF8.GetBytes(text), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
}
