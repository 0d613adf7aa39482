// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>A federation with all its keys, whose actors sign entries.</summary>
internal sealed class AuditFederation
{
    public const string Origin = "fedcloud.example/log/test";

    private readonly Dictionary<ActorKey, long> _seq = [];
    private readonly List<Member> _members;
    private readonly Dictionary<Sha256Digest, DsseEnvelope> _rosters = [];
    private readonly Dictionary<Sha256Digest, VerificationKey> _keys = [];
    private readonly List<(Roster Roster, Member[] Members)> _versions = [];

    public AuditFederation(int n)
    {
        _members = [.. Enumerable.Range(1, n).Select(i => new Member(new SiloId($"silo-{i}")))];
        Log = NewKey();
        CoordinatorKey = NewKey();
        Roster = MakeRoster(1);
        SignRoster(Roster, _members);
    }

    public Roster Roster { get; private set; }

    public ECDsa Log { get; set; }

    public ECDsa CoordinatorKey { get; set; }

    public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public IReadOnlyList<Member> Members => _members;

    public IReadOnlyDictionary<Sha256Digest, VerificationKey> Keys => _keys;

    public NoteKey LogKey => NoteKey.Of(Origin, VerificationKey.Of(Log));

    public AdmissionContext Context(Roster? inForce) => new()
    {
        Roster = inForce,
        Rosters = hash => _rosters.TryGetValue(hash, out DsseEnvelope? envelope) ? Roster.Parse(envelope.Payload) : null,
        Keys = _keys,
    };

    public DsseEnvelope? RosterEnvelope(Sha256Digest hash) => _rosters.GetValueOrDefault(hash);

    /// <summary>All rosters with their signatures and joins, as they lie in storage.</summary>
    public IEnumerable<(int Version, RosterBundle Bundle)> Bundles() => _versions.Select(version =>
        (version.Roster.Version, new RosterBundle { Roster = _rosters[version.Roster.Digest()], Joins = [.. version.Members.Select(JoinOf)] }));

    /// <summary>Numbers entries from 1 again, for another log of the same federation.</summary>
    public void ResetNumbers() => _seq.Clear();

    public static Sha256Digest Hash(string text) => Sha256Digest.Of(Encoding.ASCII.GetBytes(text));

    public static ECDsa NewKey() => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Makes the next roster version, signed by these members, and puts it in force for what follows.</summary>
    public Roster NextRoster(Action<List<Member>>? change = null, IEnumerable<Member>? signers = null)
    {
        List<Member> before = [.. _members];
        change?.Invoke(_members);
        Roster = MakeRoster(Roster.Version + 1);
        SignRoster(Roster, signers ?? before.Union(_members));
        return Roster;
    }

    public LogEntry RosterEntry(Roster? roster = null)
    {
        roster ??= Roster;
        return Coordinator(EntryTypes.Roster, [("roster", roster.Digest())], [("version", Int(roster.Version)), ("n", Int(roster.N)), ("t", Int(Roster.Threshold(roster.N))), ("signatures", Int(roster.N))]);
    }

    public LogEntry Coordinator(string type, (string, Sha256Digest)[] subjects, (string, EntryField)[] fields, RunId? job = null, int? round = null) =>
        Make(EntryActor.Coordinator, EntryActor.Coordinator, CoordinatorKey, type, subjects, fields, job, round);

    public LogEntry Silo(int idx, string type, (string, Sha256Digest)[] subjects, (string, EntryField)[] fields, RunId? job = null, int? round = null) =>
        Make(EntryActor.Silo, _members[idx - 1].Silo.Value, _members[idx - 1].Identity, type, subjects, fields, job, round);

    public LogEntry Admin(int idx, string type, (string, Sha256Digest)[] subjects, (string, EntryField)[] fields, RunId? job = null, int? round = null) =>
        Make(EntryActor.Admin, _members[idx - 1].Silo.Value, _members[idx - 1].Admin, type, subjects, fields, job, round);

    public LogEntry Access(string operation) => Coordinator(EntryTypes.Access, [("resource", Hash(operation))], [("operation", EntryField.Of(operation)), ("result", EntryField.Of("done"))]);

    public LogEntry Alarm(int idx, string code) => Silo(idx, EntryTypes.Alarm, [("evidence_1", Hash(code))], [("code", EntryField.Of(code))]);

    /// <summary>The same entry with another number or time, signed anew by its key.</summary>
    public LogEntry Resign(LogEntry entry, ECDsa key) => (entry with { Dsse = null, Actor = entry.Actor with { KeyId = VerificationKey.Of(key).Fingerprint } }).Sign(key);

    public void Know(ECDsa key) => _keys[VerificationKey.Of(key).Fingerprint] = VerificationKey.Of(key);

    public static EntryField Int(long value) => EntryField.Of(value);

    private LogEntry Make(string kind, string id, ECDsa key, string type, (string, Sha256Digest)[] subjects, (string, EntryField)[] fields, RunId? job, int? round)
    {
        ActorKey actor = new(kind, id);
        _seq[actor] = _seq.GetValueOrDefault(actor) + 1;
        Know(key);
        return new LogEntry
        {
            V = 1,
            Type = type,
            Time = LogEntry.FormatTime(Now),
            Actor = new EntryActor { Kind = kind, Id = id, KeyId = VerificationKey.Of(key).Fingerprint },
            Federation = new FederationId("test-federation"),
            Job = job,
            Round = round,
            Subjects = subjects.ToImmutableSortedDictionary(subject => subject.Item1, subject => subject.Item2, StringComparer.Ordinal),
            Fields = fields.ToImmutableSortedDictionary(field => field.Item1, field => field.Item2, StringComparer.Ordinal),
            Seq = _seq[actor],
        }.Sign(key);
    }

    private DsseEnvelope JoinOf(Member member)
    {
        byte[] body = Jcs.Serialize(
            new JoinBody
            {
                Type = EnrolmentBody.Join,
                Federation = Roster.Federation,
                SiloId = member.Silo,
                IkSpki = VerificationKey.Of(member.Identity).ToBase64(),
                WitnessVkey = member.WitnessKey.VKey,
                AdminSpki = VerificationKey.Of(member.Admin).ToBase64(),
                DataCardSha256 = Sha256Digest.Zero,
            },
            EnrolmentJson.Default.JoinBody);
        return DsseEnvelope.Sign(EnrolmentBody.PayloadType, body, member.Identity).With(DsseEnvelope.Sign(EnrolmentBody.PayloadType, body, member.Admin));
    }

    private Roster MakeRoster(int version) => new()
    {
        Federation = new FederationId("test-federation"),
        Version = version,
        N = _members.Count,
        Members =
        [
            .. _members.Select((member, i) => new RosterMember
            {
                Idx = i + 1,
                SiloId = member.Silo,
                IkSpkiSha256 = VerificationKey.Of(member.Identity).Fingerprint,
                WitnessVkey = member.WitnessKey.VKey,
                AdminSpkiSha256 = VerificationKey.Of(member.Admin).Fingerprint,
            }),
        ],
        CoordinatorSpkiSha256 = [VerificationKey.Of(CoordinatorKey).Fingerprint],
        LogVkey = LogKey.VKey,
        Policy = ImmutableSortedDictionary<string, string>.Empty,
    };

    private void SignRoster(Roster roster, IEnumerable<Member> signers)
    {
        DsseEnvelope envelope = new() { PayloadType = Roster.PayloadType, Payload = roster.ToJcs(), Signatures = [] };
        foreach (Member member in signers)
        {
            Know(member.Identity);
            Know(member.Admin);
            envelope = envelope.With(DsseEnvelope.Sign(Roster.PayloadType, envelope.Payload, member.Identity));
        }

        Know(CoordinatorKey);
        _rosters[roster.Digest()] = envelope;
        _versions.Add((roster, [.. _members]));
    }

    internal sealed record Member(SiloId Silo)
    {
        public ECDsa Identity { get; init; } = NewKey();

        public ECDsa Witness { get; init; } = NewKey();

        public ECDsa Admin { get; init; } = NewKey();

        public NoteKey WitnessKey => NoteKey.Of(Silo.Value, VerificationKey.Of(Witness));
    }
}
