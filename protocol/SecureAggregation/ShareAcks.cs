// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The acknowledgements of a cohort: without all of them no slot of the epoch is usable (secure-aggregation, sections 5.1 and 5.3).</summary>
public static class ShareAcks
{
    /// <summary>Checks that there is exactly one acknowledgement of each member of U2, all of the same shares.</summary>
    /// <param name="members">The epoch.</param>
    /// <param name="u2">The cohort.</param>
    /// <param name="acks">The signed bodies, in any order.</param>
    /// <param name="identityKeys">The roster's identity keys by index.</param>
    /// <returns>ack_sha256.</returns>
    /// <exception cref="FedCloudException"><c>ack_invalid</c>, <c>signature_invalid</c>, or a code of the body.</exception>
    public static Sha256Digest Require(EpochMembers members, IEnumerable<int> u2, IEnumerable<DsseEnvelope> acks, IReadOnlyDictionary<int, VerificationKey> identityKeys)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(acks);
        ImmutableArray<int> cohort = members.RequireCohort(u2);
        Sha256Digest cohortHash = Derivations.CohortHash(members.Sid, cohort);
        SortedDictionary<int, Sha256Digest> identities = [];
        foreach (DsseEnvelope envelope in acks)
        {
            ShareAckBody ack = Signer.Open<ShareAckBody>(envelope, identityKeys, body => body.Idx);
            if (ack.Sid != members.Sid || ack.L1 != members.L1 || ack.U2Sha256 != cohortHash || !identities.TryAdd(ack.Idx, envelope.Identity))
            {
                throw new FedCloudException(ErrorCodes.AckInvalid, $"silo {ack.Idx} acknowledges other shares or another cohort, or twice");
            }
        }

        return identities.Keys.SequenceEqual(cohort)
            ? Derivations.AckHash(identities.Values)
            : throw new FedCloudException(ErrorCodes.AckInvalid, $"expected acknowledgements of the {cohort.Length} members of the cohort, found {identities.Count}");
    }
}
