// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Enrolment;

/// <summary>One member of a roster.</summary>
public sealed record RosterMember
{
    /// <summary>The member's index, 1 to n without gaps.</summary>
    public required int Idx { get; init; }

    /// <summary>The silo.</summary>
    public required SiloId SiloId { get; init; }

    /// <summary>The fingerprint of the identity key IK.</summary>
    public required Sha256Digest IkSpkiSha256 { get; init; }

    /// <summary>The verifier key of the witness key WK.</summary>
    public required string WitnessVkey { get; init; }

    /// <summary>The fingerprint of the administrator key AK.</summary>
    public required Sha256Digest AdminSpkiSha256 { get; init; }

    /// <summary>The fingerprints of all three keys.</summary>
    public IEnumerable<Sha256Digest> Fingerprints() => [IkSpkiSha256, VerificationKey.FromVKey(WitnessVkey).Fingerprint, AdminSpkiSha256];
}

/// <summary>The members of a federation (keys-and-identity, section 3). Only a quorum of its members can change it.</summary>
public sealed record Roster
{
    /// <summary>The DSSE payload type of a roster.</summary>
    public const string PayloadType = "application/vnd.fedcloud.roster+json";

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>1, then one more per change.</summary>
    public required int Version { get; init; }

    /// <summary>The number of members.</summary>
    public required int N { get; init; }

    /// <summary>The members, ascending by index.</summary>
    public required ImmutableArray<RosterMember> Members { get; init; }

    /// <summary>The fingerprints of the coordinator's message keys CK.</summary>
    public required ImmutableArray<Sha256Digest> CoordinatorSpkiSha256 { get; init; }

    /// <summary>The verifier key of the log key LK.</summary>
    public required string LogVkey { get; init; }

    /// <summary>Rules that members agreed on; may be empty.</summary>
    public required ImmutableSortedDictionary<string, string> Policy { get; init; }

    /// <summary>The number of member signatures that a change needs: t = floor(2n/3) + 1 (secure-aggregation, section 2).</summary>
    public static int Threshold(int n) => (2 * n / 3) + 1;

    /// <summary>The signed bytes.</summary>
    public byte[] ToJcs() => Jcs.Serialize(this, RosterJson.Default.Roster);

    /// <summary>The SHA-256 of the signed bytes.</summary>
    public Sha256Digest Digest() => Sha256Digest.Of(ToJcs());

    /// <summary>The member with this id, or null.</summary>
    public RosterMember? Find(SiloId silo) => Members.FirstOrDefault(member => member.SiloId == silo);

    /// <summary>Whether everybody of an older roster is here with the same keys and index, under the same coordinator.</summary>
    public bool OnlyGrewFrom(Roster old)
    {
        ArgumentNullException.ThrowIfNull(old);
        return old.Members.All(Members.Contains) && old.CoordinatorSpkiSha256.SequenceEqual(CoordinatorSpkiSha256);
    }

    /// <summary>Reads a roster and checks what needs no other document: indexes, names, distinct keys (RS5).</summary>
    /// <exception cref="FedCloudException"><c>roster_invalid</c>, <c>roster_key_reused</c>, <c>json_not_canonical</c>, <c>body_malformed</c>.</exception>
    public static Roster Parse(ReadOnlySpan<byte> bytes)
    {
        Roster roster = Jcs.Parse(bytes, RosterJson.Default.Roster, "roster");
        roster.RequireShape();
        return roster;
    }

    /// <summary>Checks what needs no other document.</summary>
    /// <exception cref="FedCloudException"><c>roster_invalid</c> or <c>roster_key_reused</c>.</exception>
    public void RequireShape()
    {
        if (Version < 1 || N != Members.Length || N is < 2 or > 255)
        {
            throw Invalid($"expected 2 to 255 members as counted, found n = {N} with {Members.Length} listed");
        }

        for (int i = 0; i < N; i++)
        {
            if (Members[i].Idx != i + 1)
            {
                throw Invalid($"expected index {i + 1}, found {Members[i].Idx}");
            }
        }

        if (Members.Select(member => member.SiloId).Distinct().Count() != N)
        {
            throw Invalid("one silo is listed twice");
        }

        if (CoordinatorSpkiSha256.IsDefaultOrEmpty)
        {
            throw Invalid("no coordinator key is listed");
        }

        if (Fingerprints().GroupBy(key => key).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new FedCloudException(ErrorCodes.RosterKeyReused, $"key {twice.Key.Hex[..16]}… appears in two roles");
        }
    }

    /// <summary>The fingerprints of all keys: members', coordinator's and log's.</summary>
    public IEnumerable<Sha256Digest> Fingerprints() =>
        [.. Members.SelectMany(member => member.Fingerprints()), .. CoordinatorSpkiSha256, VerificationKey.FromVKey(LogVkey).Fingerprint];

    internal static FedCloudException Invalid(string found) => new(ErrorCodes.RosterInvalid, found);
}

/// <summary>Strict JSON of rosters.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Roster))]
public sealed partial class RosterJson : JsonSerializerContext;
