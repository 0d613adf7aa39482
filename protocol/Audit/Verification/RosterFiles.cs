// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>The rosters of the evidence: their chain of signatures (V6), and the keys that come with them.</summary>
internal sealed class RosterFiles
{
    private const string Check = "V6";

    private readonly SortedDictionary<int, (string Path, RosterBundle Bundle)> _bundles = [];
    private readonly List<Roster> _chain = [];

    /// <summary>The rosters that their chain carries, version 1 first.</summary>
    public IReadOnlyList<Roster> Chain => _chain;

    /// <summary>How many signatures a roster of the chain carries.</summary>
    public int Signatures(int version) => _bundles[version].Bundle.Roster.Signatures.Length;

    public static async Task<RosterFiles> ReadAsync(EvidenceInventory evidence, KeyRing keys, Findings findings, CancellationToken cancellation)
    {
        RosterFiles files = new();
        foreach (EvidenceFile file in evidence.Of(EvidenceKind.Key))
        {
            byte[] bytes = await evidence.ReadAsync(file.Path, cancellation) ?? [];
            findings.Try("V11", file.Path, () => AddKey(file.Path, bytes, keys));
        }

        foreach (EvidenceFile file in evidence.Of(EvidenceKind.Roster))
        {
            byte[] bytes = await evidence.ReadAsync(file.Path, cancellation) ?? [];
            findings.Try(Check, file.Path, () => files.AddBundle(file.Path, bytes, keys));
        }

        files.VerifyChain(keys, findings);
        files.RequireDistinctKeys(findings);
        return files;
    }

    private static void AddKey(string path, byte[] bytes, KeyRing keys)
    {
        VerificationKey key = VerificationKey.FromSpki(bytes);
        if (key.Fingerprint != EvidenceLayout.NameOf(path))
        {
            throw new FedCloudException(ErrorCodes.EvidenceMismatch, "the key is not the one whose fingerprint names it");
        }

        keys.Add(key);
    }

    private void AddBundle(string path, byte[] bytes, KeyRing keys)
    {
        RosterBundle bundle = RosterBundle.Parse(bytes);
        if (!bundle.ToJson().AsSpan().SequenceEqual(bytes))
        {
            throw new FedCloudException(ErrorCodes.RosterInvalid, "the bytes are not what a roster bundle is written as");
        }

        Roster roster = Roster.Parse(bundle.Roster.Payload);
        RosterMember[] joined = [.. bundle.Joins.Select((join, i) => AddJoin(join, i + 1, keys))];
        keys.Add(VerificationKey.FromVKey(roster.LogVkey));
        if (!joined.SequenceEqual(roster.Members))
        {
            throw new FedCloudException(ErrorCodes.RosterInvalid, "the joins are not those of the roster's members, in their order");
        }

        _bundles.Add(RosterBundle.VersionIn(path) ?? 0, (path, bundle));
    }

    private static RosterMember AddJoin(DsseEnvelope envelope, int idx, KeyRing keys)
    {
        JoinBody join = JoinBody.Verify(envelope);
        RequireSigned(envelope, [VerificationKey.FromBase64(join.IkSpki), VerificationKey.FromBase64(join.AdminSpki)]);
        keys.Add(VerificationKey.FromBase64(join.IkSpki));
        keys.Add(VerificationKey.FromBase64(join.AdminSpki));
        keys.Add(VerificationKey.FromVKey(join.WitnessVkey));
        return join.ToMember(idx);
    }

    // Evidence holds nothing that cannot be checked: a signature of nobody known is refused, even where enough others are there.
    private static void RequireSigned(DsseEnvelope envelope, IEnumerable<VerificationKey> keys)
    {
        foreach (DsseSignature signature in envelope.Signatures)
        {
            VerificationKey? key = keys.FirstOrDefault(key => string.Equals(key.Fingerprint.Hex, signature.KeyId, StringComparison.Ordinal));
            if (key is null || !key.Verify(Dsse.Pae(envelope.PayloadType, envelope.Payload), signature.Sig))
            {
                throw new FedCloudException(ErrorCodes.SignatureInvalid, "a signature is of no key of the evidence, or does not verify");
            }
        }
    }

    private void VerifyChain(KeyRing keys, Findings findings)
    {
        foreach ((int version, (string path, RosterBundle bundle)) in _bundles)
        {
            bool passed = findings.Try(Check, path, () =>
            {
                if (version != _chain.Count + 1)
                {
                    throw new FedCloudException(ErrorCodes.RosterMissing, $"version {_chain.Count + 1} before it is missing or does not verify");
                }

                RequireSigned(bundle.Roster, keys.Keys.Values);
                _chain.Add(RosterChain.Verify(_chain.LastOrDefault(), bundle.Roster, keys.Keys));
            });
            if (!passed)
            {
                return;
            }
        }
    }

    private void RequireDistinctKeys(Findings findings)
    {
        Dictionary<Sha256Digest, string> roles = [];
        foreach (Roster roster in _chain)
        {
            foreach ((Sha256Digest key, string role) in Roles(roster))
            {
                if (!roles.TryAdd(key, role) && !string.Equals(roles[key], role, StringComparison.Ordinal))
                {
                    findings.AtFile(Check, ErrorCodes.RosterKeyReused, EvidenceLayout.Roster(roster.Version), $"key {key.Hex[..16]}… is {role} and was {roles[key]}");
                }
            }
        }
    }

    private static IEnumerable<(Sha256Digest Key, string Role)> Roles(Roster roster) =>
    [
        .. roster.Members.Select(member => (member.IkSpkiSha256, $"ik of {member.SiloId}")),
        .. roster.Members.Select(member => (VerificationKey.FromVKey(member.WitnessVkey).Fingerprint, $"wk of {member.SiloId}")),
        .. roster.Members.Select(member => (member.AdminSpkiSha256, $"ak of {member.SiloId}")),
        .. roster.CoordinatorSpkiSha256.Select(key => (key, "ck")),
        (VerificationKey.FromVKey(roster.LogVkey).Fingerprint, "lk"),
    ];
}
