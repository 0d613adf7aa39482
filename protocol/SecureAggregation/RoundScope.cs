// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A round in a slot of an epoch: everything that its identity, rid, binds (secure-aggregation, section 4).</summary>
public sealed class RoundScope
{
    private RoundScope(EpochMembers members, ImmutableArray<int> u2, int slot, long round, Sha256Digest model, Sha256Digest config, long d, Ring ring)
    {
        Members = members;
        U2 = u2;
        U2Sha256 = Derivations.CohortHash(members.Sid, u2);
        Slot = slot;
        Round = round;
        ModelSha256 = model;
        ConfigSha256 = config;
        D = d;
        Ring = ring;
        Rid = Derivations.Rid(members.Sid, slot, round, model, config, d, ring, U2Sha256);
    }

    /// <summary>The epoch's silos.</summary>
    public EpochMembers Members { get; }

    /// <summary>The cohort, ascending.</summary>
    public ImmutableArray<int> U2 { get; }

    /// <summary>The hash of the cohort.</summary>
    public Sha256Digest U2Sha256 { get; }

    /// <summary>The slot, from 0.</summary>
    public int Slot { get; }

    /// <summary>The round.</summary>
    public long Round { get; }

    /// <summary>The model version that the round starts from.</summary>
    public Sha256Digest ModelSha256 { get; }

    /// <summary>The run's configuration.</summary>
    public Sha256Digest ConfigSha256 { get; }

    /// <summary>Ring coordinates.</summary>
    public long D { get; }

    /// <summary>The ring.</summary>
    public Ring Ring { get; }

    /// <summary>The round's identity.</summary>
    public Sha256Digest Rid { get; }

    /// <summary>The exact bytes of a vector, d·k/8.</summary>
    public long VectorBytes => Ring.VectorBytes(D);

    /// <summary>Makes a round's scope.</summary>
    /// <exception cref="FedCloudException"><c>secagg_parameters_invalid</c>, <c>advertise_list_invalid</c>.</exception>
    public static RoundScope Create(EpochMembers members, IEnumerable<int> u2, int slot, long round, Sha256Digest model, Sha256Digest config, long d, Ring ring)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(ring);
        if (slot < 0 || slot >= members.Parameters.Slots || round is < 0 or > Fcsa1.MaxInteger)
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, $"expected a slot below {members.Parameters.Slots} and a round below 2^53, found slot {slot} of round {round}");
        }

        _ = ring.VectorBytes(d);
        return new RoundScope(members, members.RequireCohort(u2), slot, round, model, config, d, ring);
    }

    /// <summary>R1: the scope of a received start, with everything recomputed that the receiver can compute (secure-aggregation, section 5.3).</summary>
    /// <param name="start">The body, whose signature was checked with the coordinator's key.</param>
    /// <param name="members">The epoch.</param>
    /// <param name="u2">The cohort that this silo acknowledged.</param>
    /// <param name="config">The approved configuration's hash.</param>
    /// <param name="d">Coordinates, computed from the configuration and the round.</param>
    /// <param name="ring">The ring of the configuration.</param>
    /// <exception cref="FedCloudException"><c>round_start_invalid</c>.</exception>
    public static RoundScope Open(RoundStartBody start, EpochMembers members, IEnumerable<int> u2, Sha256Digest config, long d, Ring ring)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(ring);
        if (start.Sid != members.Sid || start.Slot < 0 || start.Slot >= members.Parameters.Slots)
        {
            throw Invalid($"expected a slot below {members.Parameters.Slots} of this epoch, found slot {start.Slot}");
        }

        if (start.ConfigSha256 != config || start.D != d || start.K != ring.Bits)
        {
            throw Invalid($"expected the approved configuration with {d} coordinates of {ring.Bits} bits, found {start.D} of {start.K}");
        }

        RoundScope scope = Create(members, u2, start.Slot, start.Round, start.ModelSha256, config, d, ring);
        return scope.Rid == start.Rid ? scope : throw Invalid("the round's identity is not the one that its contents give");
    }

    /// <summary>The body that opens this round.</summary>
    /// <param name="job">The run.</param>
    /// <param name="deadline">When masked vectors are due, in Unix seconds.</param>
    /// <param name="ackSha256">The hash of the acknowledgements.</param>
    public RoundStartBody Start(RunId job, long deadline, Sha256Digest ackSha256) => new()
    {
        Sid = Members.Sid,
        Slot = Slot,
        Job = job,
        Round = Round,
        Rid = Rid,
        ModelSha256 = ModelSha256,
        ConfigSha256 = ConfigSha256,
        D = D,
        K = Ring.Bits,
        Deadline = deadline,
        AckSha256 = ackSha256,
    };

    /// <summary>R2: opens the announcement of a masked vector and checks it against the round.</summary>
    /// <param name="envelope">The signed body.</param>
    /// <param name="identityKeys">The roster's identity keys by index.</param>
    /// <param name="hasPrivacy">Whether the plan has a privacy claim; without one the ledger head is 64 zeros, with one it is not.</param>
    /// <exception cref="FedCloudException"><c>masked_invalid</c>, <c>signature_invalid</c>, or a code of the body.</exception>
    public MaskedBody OpenMasked(DsseEnvelope envelope, IReadOnlyDictionary<int, VerificationKey> identityKeys, bool hasPrivacy)
    {
        MaskedBody masked = Signer.Open<MaskedBody>(envelope, identityKeys, body => body.Idx);
        return masked.Rid == Rid && U2.Contains(masked.Idx) && masked.YLen == VectorBytes && (masked.LedgerHead == Sha256Digest.Zero) != hasPrivacy
            ? masked
            : throw new FedCloudException(ErrorCodes.MaskedInvalid, $"silo {masked.Idx}: expected {VectorBytes} bytes for this round from a member of its cohort, found {masked.YLen} bytes or another round, sender or ledger head");
    }

    private static FedCloudException Invalid(string found) => new(ErrorCodes.RoundStartInvalid, found);
}
