// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit;

/// <summary>Whether an entry's actor is who it says, under the roster in force at its place (audit-log, A6 and V5).</summary>
public static class EntryAuthority
{
    /// <summary>Checks key and signature of an entry that is not itself a new roster.</summary>
    /// <param name="entry">The entry, already of the right form.</param>
    /// <param name="roster">The roster in force.</param>
    /// <param name="keys">Public keys by fingerprint.</param>
    /// <exception cref="FedCloudException"><c>entry_signer</c> or <c>signature_invalid</c>.</exception>
    public static void Require(LogEntry entry, Roster roster, IReadOnlyDictionary<Sha256Digest, VerificationKey> keys)
    {
        ArgumentNullException.ThrowIfNull(roster);
        RequireSigned(entry, keys, roster);
    }

    /// <summary>Checks an entry of type <c>roster</c>: it names the roster's hash and numbers, and a coordinator key of it or of the one before signed it.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="previous">The roster in force; null for the first entry of the log.</param>
    /// <param name="next">The roster that the entry names, itself verified by its quorum.</param>
    /// <param name="keys">Public keys by fingerprint.</param>
    /// <exception cref="FedCloudException"><c>roster_invalid</c>, <c>entry_signer</c> or <c>signature_invalid</c>.</exception>
    public static void RequireRoster(LogEntry entry, Roster? previous, Roster next, IReadOnlyDictionary<Sha256Digest, VerificationKey> keys)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(next);
        RequireRosterNamed(entry, previous, next);

        // A stolen coordinator key is replaced by the new roster itself, so the new key may sign too.
        RequireSigned(entry, keys, previous is null ? [next] : [previous, next]);
    }

    /// <summary>Checks that an entry of type <c>roster</c> names the roster and its numbers.</summary>
    /// <exception cref="FedCloudException"><c>roster_invalid</c>.</exception>
    internal static void RequireRosterNamed(LogEntry entry, Roster? previous, Roster next)
    {
        bool same = entry.Subjects["roster"] == next.Digest()
            && entry.Fields["version"].Integer == next.Version
            && entry.Fields["n"].Integer == next.N
            && entry.Fields["t"].Integer == Roster.Threshold(next.N)
            && next.Version == (previous?.Version ?? 0) + 1;
        if (!same)
        {
            throw new FedCloudException(ErrorCodes.RosterInvalid, $"an entry does not fit the roster of version {next.Version} that it names");
        }
    }

    /// <summary>Checks that one of the rosters lists the entry's key as its actor's.</summary>
    /// <exception cref="FedCloudException"><c>entry_signer</c>.</exception>
    internal static void RequireListed(LogEntry entry, params ReadOnlySpan<Roster> rosters)
    {
        bool listed = false;
        foreach (Roster roster in rosters)
        {
            listed |= entry.Federation == roster.Federation && Lists(roster, entry.Actor);
        }

        if (!listed)
        {
            throw new FedCloudException(ErrorCodes.EntrySigner, $"key {entry.Actor.KeyId.Hex[..16]}… is not the key of {entry.Actor.Key} in the roster in force");
        }
    }

    private static void RequireSigned(LogEntry entry, IReadOnlyDictionary<Sha256Digest, VerificationKey> keys, params ReadOnlySpan<Roster> rosters)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(keys);
        RequireListed(entry, rosters);
        if (!keys.TryGetValue(entry.Actor.KeyId, out VerificationKey? key) || !entry.IsSignedBy(key))
        {
            throw new FedCloudException(ErrorCodes.SignatureInvalid, $"entry {entry.Seq} of {entry.Actor.Key}: no valid signature of key {entry.Actor.KeyId.Hex[..16]}…");
        }
    }

    private static bool Lists(Roster roster, EntryActor actor) => actor.Kind switch
    {
        EntryActor.Coordinator => roster.CoordinatorSpkiSha256.Contains(actor.KeyId),
        EntryActor.Silo => roster.Find(new(actor.Id))?.IkSpkiSha256 == actor.KeyId,
        _ => roster.Find(new(actor.Id))?.AdminSpkiSha256 == actor.KeyId,
    };
}
