// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The list of counted vectors of a round, checked against what their silos signed (secure-aggregation, section 5.2, R3).</summary>
/// <remarks>
/// This checks one list. That a silo signs one list per round and per (job, round) is its journal's rule (J4, J9).
/// </remarks>
public sealed class U3Agreement
{
    private U3Agreement(RoundScope scope, ImmutableSortedDictionary<int, Sha256Digest> vectors, Sha256Digest u3Sha256)
    {
        Rid = scope.Rid;
        Threshold = scope.Members.Bounds.Threshold;
        Vectors = vectors;
        U3 = [.. vectors.Keys];
        Dropped = [.. scope.U2.Except(U3)];
        U3Sha256 = u3Sha256;
    }

    /// <summary>The round.</summary>
    public Sha256Digest Rid { get; }

    /// <summary>t.</summary>
    public int Threshold { get; }

    /// <summary>U3, ascending.</summary>
    public ImmutableArray<int> U3 { get; }

    /// <summary>U2 without U3, ascending.</summary>
    public ImmutableArray<int> Dropped { get; }

    /// <summary>The digest of each counted vector.</summary>
    public ImmutableSortedDictionary<int, Sha256Digest> Vectors { get; }

    /// <summary>The hash of the list, which the consistency messages sign.</summary>
    public Sha256Digest U3Sha256 { get; }

    /// <summary>The list of the vectors that arrived in time, for the coordinator to sign.</summary>
    public static U3ListBody List(RoundScope scope, IEnumerable<MaskedBody> masked)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ImmutableArray<U3Member> members = [.. masked.OrderBy(body => body.Idx).Select(body => new U3Member(body.Idx, body.YSha256))];
        return new U3ListBody { Rid = scope.Rid, Members = members, U3Sha256 = Derivations.U3Hash(scope.Rid, members) };
    }

    /// <summary>Checks a list with the announcements of all its members.</summary>
    /// <param name="scope">The round.</param>
    /// <param name="list">The body, whose signature was checked with the coordinator's key.</param>
    /// <param name="masked">The complete R2 envelope of each member.</param>
    /// <param name="identityKeys">The roster's identity keys by index.</param>
    /// <param name="planQuorum">The plan's quorum; t counts where it is larger.</param>
    /// <param name="hasPrivacy">Whether the plan has a privacy claim.</param>
    /// <param name="own">What this silo announced, which must be on the list unchanged; null at the coordinator and the auditor.</param>
    /// <exception cref="FedCloudException"><c>u3_list_invalid</c>, <c>masked_invalid</c>, <c>signature_invalid</c>, or a code of a body.</exception>
    public static U3Agreement Open(
        RoundScope scope,
        U3ListBody list,
        IReadOnlyList<DsseEnvelope> masked,
        IReadOnlyDictionary<int, VerificationKey> identityKeys,
        int planQuorum,
        bool hasPrivacy,
        MaskedBody? own = null)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(list);
        ArgumentNullException.ThrowIfNull(masked);
        RequireList(scope, list, planQuorum);
        ImmutableSortedDictionary<int, Sha256Digest> listed = list.Members.ToImmutableSortedDictionary(member => member.Idx, member => member.YSha256);
        SortedSet<int> announced = [];
        foreach (DsseEnvelope envelope in masked)
        {
            MaskedBody body = scope.OpenMasked(envelope, identityKeys, hasPrivacy);
            if (!listed.TryGetValue(body.Idx, out Sha256Digest digest) || digest != body.YSha256 || !announced.Add(body.Idx))
            {
                throw Invalid($"silo {body.Idx} announced another vector, twice, or is not listed");
            }
        }

        if (announced.Count != listed.Count)
        {
            throw Invalid($"expected the announcements of {listed.Count} silos, found {announced.Count}");
        }

        if (own is not null && !(listed.TryGetValue(own.Idx, out Sha256Digest mine) && mine == own.YSha256))
        {
            throw Invalid($"silo {own.Idx}'s own vector is missing or changed");
        }

        return new U3Agreement(scope, listed, list.U3Sha256);
    }

    /// <summary>R4: the body by which a member agrees to open this list.</summary>
    public ConsistencyBody Consistency(int idx) => new() { Rid = Rid, Idx = idx, U3Sha256 = U3Sha256 };

    /// <summary>R5: checks that at least t members of U3 agreed on exactly this list.</summary>
    /// <param name="consistencies">The signed bodies, in any order.</param>
    /// <param name="identityKeys">The roster's identity keys by index.</param>
    /// <exception cref="FedCloudException"><c>consistency_invalid</c>, <c>signature_invalid</c>, or a code of the body.</exception>
    public void RequireConsistency(IEnumerable<DsseEnvelope> consistencies, IReadOnlyDictionary<int, VerificationKey> identityKeys)
    {
        ArgumentNullException.ThrowIfNull(consistencies);
        HashSet<int> signers = [];
        foreach (DsseEnvelope envelope in consistencies)
        {
            ConsistencyBody body = Signer.Open<ConsistencyBody>(envelope, identityKeys, consistency => consistency.Idx);
            if (body.Rid != Rid || body.U3Sha256 != U3Sha256 || !Vectors.ContainsKey(body.Idx) || !signers.Add(body.Idx))
            {
                throw new FedCloudException(ErrorCodes.ConsistencyInvalid, $"silo {body.Idx} agreed to another list or another round, agreed twice, or is not listed");
            }
        }

        if (signers.Count < Threshold)
        {
            throw new FedCloudException(ErrorCodes.ConsistencyInvalid, $"expected {Threshold} silos that agree, found {signers.Count}");
        }
    }

    private static void RequireList(RoundScope scope, U3ListBody list, int planQuorum)
    {
        int quorum = scope.Members.Bounds.Quorum(planQuorum);
        if (list.Rid != scope.Rid || list.Members.Length < quorum || !list.Members.All(member => scope.U2.Contains(member.Idx)) || !BodyFault.IsAscending(list.Members.Select(member => member.Idx)))
        {
            throw Invalid($"expected at least {quorum} members of this round's cohort, ascending, found {list.Members.Length} others");
        }

        if (list.U3Sha256 != Derivations.U3Hash(scope.Rid, list.Members))
        {
            throw Invalid("the list's hash is not its own");
        }
    }

    private static FedCloudException Invalid(string found) => new(ErrorCodes.U3ListInvalid, found);
}
