// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit;

/// <summary>What the coordinator writes into the log about members and keys.</summary>
public static class FederationEntries
{
    /// <summary>The purpose of the wrapping key KEK in entries about keys.</summary>
    public const string WrappingPurpose = "kek";

    /// <summary>A roster comes into force: its own entry first, since everything after it stands under it; then who came and who went.</summary>
    /// <param name="previous">The roster before; null for version 1.</param>
    /// <param name="roster">The roster.</param>
    /// <param name="signatures">How many members' signatures it carries.</param>
    /// <param name="joins">The joins of its members, by silo, with the SHA-256 of their PAE.</param>
    /// <param name="logSize">The log's size, from which on a removed member's keys mean nothing.</param>
    /// <param name="isLogKeyLost">Where the roster gives the log another key: whether the one before was lost or stolen.</param>
    public static ImmutableArray<EntryDraft> Of(
        Roster? previous, Roster roster, int signatures, IReadOnlyDictionary<SiloId, (JoinBody Join, Sha256Digest Identity)> joins, long logSize, bool isLogKeyLost = false)
    {
        ArgumentNullException.ThrowIfNull(roster);
        ArgumentNullException.ThrowIfNull(joins);
        EntryDraft entry = EntryDraft.Of(EntryTypes.Roster)
            .With("roster", roster.Digest())
            .With("version", roster.Version)
            .With("n", roster.N)
            .With("t", Roster.Threshold(roster.N))
            .With("signatures", signatures);
        return
        [
            entry,
            .. LogKey(previous, roster, isLogKeyLost),
            .. roster.Members.Where(member => previous?.Find(member.SiloId) is null).Select(member => Identity(EntryTypes.IdentityEnrolled, joins[member.SiloId])),
            .. (previous?.Members ?? []).Where(member => roster.Find(member.SiloId) is null)
                .Select(member => Identity(EntryTypes.IdentityRevoked, joins[member.SiloId]).With("first_index", logSize)),
        ];
    }

    /// <summary>The overlap after a rotation is over: the old log key signs no more.</summary>
    /// <param name="old">Its fingerprint.</param>
    public static EntryDraft LogKeyRetired(Sha256Digest old) => EntryDraft.Of(EntryTypes.KeyRetired).With("old", old).With("purpose", LogKeyChange.Purpose);

    /// <summary>A silo is invited.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="code">The enrolment code, which stays secret.</param>
    /// <param name="salt">32 fresh bytes, kept beside the code: the log holds SHA-256(salt ‖ code) (audit-log, A2).</param>
    public static EntryDraft Invited(SiloId silo, ReadOnlySpan<byte> code, ReadOnlySpan<byte> salt) =>
        EntryDraft.Of(EntryTypes.SiloInvited).With("commitment", Sha256Digest.FromBytes(SHA256.HashData([.. salt, .. code]))).With("silo", silo.Value);

    /// <summary>The wrapping key in use.</summary>
    /// <param name="spki">The SHA-256 of its public key, DER.</param>
    /// <param name="kid">Its full identifier with version.</param>
    public static EntryDraft WrappingKey(Sha256Digest spki, string kid) =>
        EntryDraft.Of(EntryTypes.KekCurrent).With("kek", spki).With("kid", kid);

    /// <summary>Another version of the wrapping key follows the one in use.</summary>
    /// <param name="old">The SHA-256 of the public key of the version before.</param>
    /// <param name="next">That of the new one.</param>
    /// <param name="isReplacement">Whether the version before was lost or stolen.</param>
    public static EntryDraft WrappingKeyChanged(Sha256Digest old, Sha256Digest next, bool isReplacement) =>
        EntryDraft.Of(isReplacement ? EntryTypes.KeyReplaced : EntryTypes.KeyRotated).With("old", old).With("new", next).With("purpose", WrappingPurpose);

    /// <summary>A version of the wrapping key unwraps no more.</summary>
    /// <param name="old">The SHA-256 of its public key.</param>
    public static EntryDraft WrappingKeyRetired(Sha256Digest old) => EntryDraft.Of(EntryTypes.KeyRetired).With("old", old).With("purpose", WrappingPurpose);

    /// <summary>Messages were put aside for one reason: that they were there, never what they say.</summary>
    /// <param name="messages">The SHA-256 of each.</param>
    /// <param name="code">Why.</param>
    public static EntryDraft PutAside(IEnumerable<Sha256Digest> messages, ErrorCode code)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(code);
        return messages.Index().Aggregate(EntryDraft.Of(EntryTypes.Alarm).With("code", code.Name), (draft, message) => draft.With(string.Create(CultureInfo.InvariantCulture, $"evidence_{message.Index + 1}"), message.Item));
    }

    /// <summary>Somebody with rights over the deployment did something to it.</summary>
    /// <param name="resource">The resource's id.</param>
    /// <param name="salt">32 bytes, one salt a federation, kept outside the log: the entry holds SHA-256(salt ‖ id) (audit-log, A2).</param>
    /// <param name="operation">The operation; a word.</param>
    /// <param name="result">What came of it; a word.</param>
    public static EntryDraft Accessed(string resource, ReadOnlySpan<byte> salt, string operation, string result) =>
        EntryDraft.Of(EntryTypes.Access).With("resource", Sha256Digest.FromBytes(SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(resource)]))).With("operation", operation).With("result", result);

    /// <summary>A row of the compromise playbook was rehearsed.</summary>
    /// <param name="drill">The row.</param>
    /// <param name="report">The SHA-256 of the report.</param>
    /// <param name="isPassed">Whether it went as the playbook says.</param>
    public static EntryDraft Rehearsed(CompromiseDrill drill, Sha256Digest report, bool isPassed)
    {
        ArgumentNullException.ThrowIfNull(drill);
        return EntryDraft.Of(EntryTypes.Access)
            .With("resource", report)
            .With("operation", CompromiseDrill.OperationPrefix + drill.Name)
            .With("result", isPassed ? CompromiseDrill.Passed : CompromiseDrill.Failed);
    }

    /// <summary>Code was deployed.</summary>
    /// <param name="image">The SHA-256 over all files of the program.</param>
    /// <param name="materials">That of its bill of materials.</param>
    /// <param name="code">That over our own code in it.</param>
    public static EntryDraft Deployed(Sha256Digest image, Sha256Digest materials, Sha256Digest code) =>
        EntryDraft.Of(EntryTypes.Deploy).With("image", image).With("materials", materials).With("code", code);

    /// <summary>Evidence is given to somebody.</summary>
    /// <param name="bundle">The SHA-256 of the zip.</param>
    /// <param name="recipient">The recipient's role.</param>
    public static EntryDraft Exported(Sha256Digest bundle, string recipient) =>
        EntryDraft.Of(EntryTypes.Export).With("bundle", bundle).With("recipient", recipient);

    // Beside its roster: where the old key is lost, only both together can be signed.
    private static IEnumerable<EntryDraft> LogKey(Roster? previous, Roster roster, bool isLost)
    {
        if (previous is not null && !string.Equals(previous.LogVkey, roster.LogVkey, StringComparison.Ordinal))
        {
            yield return EntryDraft.Of(isLost ? EntryTypes.KeyReplaced : EntryTypes.KeyRotated)
                .With("old", VerificationKey.FromVKey(previous.LogVkey).Fingerprint)
                .With("new", VerificationKey.FromVKey(roster.LogVkey).Fingerprint)
                .With("roster", roster.Digest())
                .With("purpose", LogKeyChange.Purpose);
        }
    }

    private static EntryDraft Identity(string type, (JoinBody Join, Sha256Digest Identity) joined) => EntryDraft.Of(type)
        .With("ik", VerificationKey.FromBase64(joined.Join.IkSpki).Fingerprint)
        .With("wk", VerificationKey.FromVKey(joined.Join.WitnessVkey).Fingerprint)
        .With("ak", VerificationKey.FromBase64(joined.Join.AdminSpki).Fingerprint)
        .With("join", joined.Identity)
        .With("data_card", joined.Join.DataCardSha256)
        .With("silo", joined.Join.SiloId.Value);
}
