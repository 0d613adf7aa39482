// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Signing;

namespace FedCloud.SiloAgent.Membership;

/// <summary>A verified roster with its members' keys, whose fingerprints it lists.</summary>
public sealed record MemberKeys
{
    /// <summary>The roster.</summary>
    public required Roster Roster { get; init; }

    /// <summary>Its hash.</summary>
    public required Sha256Digest Sha256 { get; init; }

    /// <summary>The identity keys by index.</summary>
    public required ImmutableSortedDictionary<int, VerificationKey> Identity { get; init; }

    /// <summary>The keys in all other roles: witnesses', administrators', the coordinator's and the log's.</summary>
    public required ImmutableArray<VerificationKey> Others { get; init; }

    /// <summary>The keys of a roster.</summary>
    /// <param name="roster">The verified roster.</param>
    /// <param name="joins">The members' joins, which carry the keys themselves.</param>
    /// <param name="coordinator">The coordinator's key.</param>
    public static MemberKeys Of(Roster roster, IEnumerable<DsseEnvelope> joins, VerificationKey coordinator)
    {
        ArgumentNullException.ThrowIfNull(roster);
        ImmutableArray<JoinBody> bodies = [.. joins.Select(JoinBody.Verify)];
        Dictionary<Sha256Digest, VerificationKey> identity = bodies.Select(join => VerificationKey.FromBase64(join.IkSpki)).DistinctBy(key => key.Fingerprint).ToDictionary(key => key.Fingerprint);
        return new MemberKeys
        {
            Roster = roster,
            Sha256 = roster.Digest(),
            Identity = roster.Members.ToImmutableSortedDictionary(member => member.Idx, member => identity[member.IkSpkiSha256]),
            Others =
            [
                .. bodies.Select(join => VerificationKey.FromBase64(join.AdminSpki)),
                .. roster.Members.Select(member => VerificationKey.FromVKey(member.WitnessVkey)),
                VerificationKey.FromVKey(roster.LogVkey),
                coordinator,
            ],
        };
    }
}
