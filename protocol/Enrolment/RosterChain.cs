// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Enrolment;

/// <summary>The quorum chain of rosters: rules RS1 to RS6 of keys-and-identity section 3, as pure functions.</summary>
public static class RosterChain
{
    /// <summary>Checks that a roster may follow another: version, signatures of the old members, of new members, and of nobody else.</summary>
    /// <param name="previous">The verified roster before it; null for version 1.</param>
    /// <param name="next">The envelope over the next roster's bytes with the members' signatures.</param>
    /// <param name="keys">Identity keys by fingerprint: of old and new members.</param>
    /// <returns>The verified roster.</returns>
    /// <exception cref="FedCloudException"><c>roster_invalid</c>, <c>roster_key_reused</c>, <c>roster_signatures_missing</c>, <c>signature_invalid</c>.</exception>
    public static Roster Verify(Roster? previous, DsseEnvelope next, IReadOnlyDictionary<Sha256Digest, VerificationKey> keys)
    {
        ArgumentNullException.ThrowIfNull(next);
        if (!string.Equals(next.PayloadType, Roster.PayloadType, StringComparison.Ordinal))
        {
            throw Roster.Invalid("expected a roster, found another payload type");
        }

        Roster roster = Roster.Parse(next.Payload);
        RequireStep(previous, roster);
        RequireSignatures(previous, roster, silo => IsSigned(next, silo, keys));
        return roster;
    }

    /// <summary>Whether the signatures so far carry the change; the same rule as <see cref="Verify"/>, on facts.</summary>
    public static bool IsCarried(Roster? previous, Roster next, IReadOnlySet<Sha256Digest> signers)
    {
        try
        {
            RequireSignatures(previous, next, signers.Contains);
            return true;
        }
        catch (FedCloudException)
        {
            return false;
        }
    }

    /// <summary>Checks the step from one roster to the next without its signatures: what a member does before it signs.</summary>
    /// <exception cref="FedCloudException"><c>roster_invalid</c> or <c>roster_key_reused</c>.</exception>
    public static void RequireStep(Roster? previous, Roster next)
    {
        ArgumentNullException.ThrowIfNull(next);
        next.RequireShape();
        if (previous is null)
        {
            if (next.Version != 1)
            {
                throw Roster.Invalid($"expected version 1 as the first, found {next.Version}");
            }

            return;
        }

        if (next.Federation != previous.Federation || next.Version != previous.Version + 1)
        {
            throw Roster.Invalid($"expected version {previous.Version + 1} of federation {previous.Federation}, found version {next.Version} of {next.Federation}");
        }

        if (Touched(previous, next).Length > 1)
        {
            throw Roster.Invalid("one version removes or replaces more than one member");
        }

        // RS5: no key appears twice, in any role, also across versions: a key may only stay where it was.
        Dictionary<Sha256Digest, string> before = Roles(previous);
        foreach ((Sha256Digest key, string role) in Roles(next))
        {
            if (before.TryGetValue(key, out string? old) && !string.Equals(old, role, StringComparison.Ordinal))
            {
                throw new FedCloudException(ErrorCodes.RosterKeyReused, $"key {key.Hex[..16]}… was {old} and becomes {role}");
            }
        }
    }

    /// <summary>RS6: each member whose keys are new must be confirmed over another channel before this silo signs.</summary>
    /// <param name="previous">The roster before; null for version 1.</param>
    /// <param name="next">The proposal.</param>
    /// <param name="self">This silo, which knows its own keys.</param>
    /// <param name="confirmed">The members as the administrator confirmed them.</param>
    /// <exception cref="FedCloudException"><c>roster_not_confirmed</c>.</exception>
    public static void RequireConfirmed(Roster? previous, Roster next, SiloId self, IEnumerable<ConfirmedMember> confirmed)
    {
        ImmutableHashSet<ConfirmedMember> known = [.. confirmed];
        foreach (RosterMember member in next.Members)
        {
            bool unchanged = previous?.Find(member.SiloId) is { } old && old with { Idx = member.Idx } == member;
            if (!unchanged && member.SiloId != self && !known.Contains(ConfirmedMember.Of(member)))
            {
                throw new FedCloudException(ErrorCodes.RosterNotConfirmed, $"the fingerprints of {member.SiloId} are not among the confirmed ones");
            }
        }
    }

    /// <summary>The members of the old roster that the new one removes or whose keys it replaces.</summary>
    public static ImmutableArray<SiloId> Touched(Roster previous, Roster next) =>
    [
        .. previous.Members
            .Where(old => next.Find(old.SiloId) is not { } now || now with { Idx = old.Idx } != old)
            .Select(old => old.SiloId),
    ];

    private static void RequireSignatures(Roster? previous, Roster next, Func<Sha256Digest, bool> signed)
    {
        if (previous is null)
        {
            // RS1: version 1 is signed by all members.
            if (next.Members.FirstOrDefault(member => !signed(member.IkSpkiSha256)) is { } missing)
            {
                throw Missing($"version 1 needs every member; {missing.SiloId} has not signed");
            }

            return;
        }

        // RS2: t(v) members of the version before; a removed or replaced member does not count, and then
        // min(t(v), n(v) - 1) others suffice.
        ImmutableArray<SiloId> touched = Touched(previous, next);
        int needed = touched.IsEmpty ? Roster.Threshold(previous.N) : Math.Min(Roster.Threshold(previous.N), previous.N - 1);
        int found = previous.Members.Count(member => !touched.Contains(member.SiloId) && signed(member.IkSpkiSha256));
        if (found < needed)
        {
            throw Missing($"expected {needed} members of version {previous.Version}, found {found}");
        }

        // And each member that is new or has a new identity key.
        foreach (RosterMember member in next.Members)
        {
            bool fresh = previous.Find(member.SiloId)?.IkSpkiSha256 != member.IkSpkiSha256;
            if (fresh && !signed(member.IkSpkiSha256))
            {
                throw Missing($"the new member {member.SiloId} has not signed");
            }
        }
    }

    private static FedCloudException Missing(string found) => new(ErrorCodes.RosterSignaturesMissing, found);

    private static bool IsSigned(DsseEnvelope envelope, Sha256Digest fingerprint, IReadOnlyDictionary<Sha256Digest, VerificationKey> keys) =>
        keys.TryGetValue(fingerprint, out VerificationKey? key) && key.Fingerprint == fingerprint && envelope.IsSignedBy(key);

    private static Dictionary<Sha256Digest, string> Roles(Roster roster)
    {
        Dictionary<Sha256Digest, string> roles = [];
        foreach (RosterMember member in roster.Members)
        {
            roles[member.IkSpkiSha256] = $"the identity key of {member.SiloId}";
            roles[VerificationKey.FromVKey(member.WitnessVkey).Fingerprint] = $"the witness key of {member.SiloId}";
            roles[member.AdminSpkiSha256] = $"the administrator key of {member.SiloId}";
        }

        foreach (Sha256Digest key in roster.CoordinatorSpkiSha256)
        {
            roles[key] = "a coordinator key";
        }

        roles[VerificationKey.FromVKey(roster.LogVkey).Fingerprint] = "the log key";
        return roles;
    }
}

/// <summary>A member's keys as an administrator confirmed them over another channel.</summary>
/// <param name="SiloId">The silo.</param>
/// <param name="IkSpkiSha256">The fingerprint of its identity key.</param>
/// <param name="WitnessSpkiSha256">The fingerprint of its witness key.</param>
/// <param name="AdminSpkiSha256">The fingerprint of its administrator key.</param>
public sealed record ConfirmedMember(SiloId SiloId, Sha256Digest IkSpkiSha256, Sha256Digest WitnessSpkiSha256, Sha256Digest AdminSpkiSha256)
{
    /// <summary>The fingerprints of a roster's member.</summary>
    public static ConfirmedMember Of(RosterMember member)
    {
        ArgumentNullException.ThrowIfNull(member);
        return new(member.SiloId, member.IkSpkiSha256, VerificationKey.FromVKey(member.WitnessVkey).Fingerprint, member.AdminSpkiSha256);
    }
}
