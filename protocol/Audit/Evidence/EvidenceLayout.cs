// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>Where everything lies in an evidence bundle, a folder or a zip of it (docs/audit.md). Other names are refused.</summary>
/// <remarks>
/// <c>log/</c> and <c>log-head/</c> are the two containers as they are. Superseded partial tiles and bundles are there all, or none.
/// </remarks>
public static class EvidenceLayout
{
    private const string Log = "log/";
    private const string LogHead = "log-head/";
    private const string Keys = "keys/";
    private const string Proofs = "proofs/";
    private const string Envelopes = "envelopes/";
    private const string Blobs = "blobs/";
    private const string Sums = "secagg/";
    private const string RoundName = "/round.json";
    private const string VectorRoot = "/y/";
    private const string KeySuffix = ".der";
    private const string ProofSuffix = ".tlog-proof";
    private const string EnvelopeSuffix = ".json";
    private const string CosignedRoot = "cosigned/";
    private const string BatchRoot = "batch/";
    private const int MaxEnvelopeBytes = 8 << 20;

    // The advertisements of 255 silos with 64 slots are 5 MiB; a vector has at most 2^40 words of 4 bytes.
    private const int MaxRoundBytes = 16 << 20;
    private const long MaxVectorBytes = 1L << 42;

    /// <summary>A file of the log.</summary>
    public static string Of(LogContainer container, string path) => (container == LogContainer.Log ? Log : LogHead) + path;

    /// <summary>A roster with signatures and joins: the bytes of <see cref="RosterBundle.ToJson"/>.</summary>
    public static string Roster(int version) => RosterBundle.PublishedPath(version);

    /// <summary>A public key that no roster holds in full, as the coordinator's: its DER SubjectPublicKeyInfo under its fingerprint.</summary>
    public static string Key(Sha256Digest fingerprint) => Keys + fingerprint.Hex + KeySuffix;

    /// <summary>The inclusion proof of an entry.</summary>
    public static string Proof(long index) => $"{Proofs}{index}{ProofSuffix}";

    /// <summary>A signed message under its identity: the JCS bytes of the envelope.</summary>
    public static string Envelope(Sha256Digest identity) => Envelopes + identity.Hex + EnvelopeSuffix;

    /// <summary>A blob under its digest.</summary>
    public static string Blob(Sha256Digest sha256) => Blobs + sha256.Hex;

    /// <summary>The evidence of a round whose sum was opened: the bytes of <see cref="RoundEvidence.ToJcs"/>.</summary>
    public static string Round(Sha256Digest rid) => Sums + rid.Hex + RoundName;

    /// <summary>The masked vector of a silo in that round, d·k/8 bytes.</summary>
    public static string Vector(Sha256Digest rid, int idx) => string.Create(CultureInfo.InvariantCulture, $"{Sums}{rid.Hex}{VectorRoot}{idx}");

    /// <summary>Reads a path; only the one canonical spelling of each place is taken.</summary>
    public static bool TryParse(string path, out EvidenceKind kind)
    {
        ArgumentNullException.ThrowIfNull(path);
        EvidenceKind? found = path switch
        {
            _ when path.StartsWith(LogHead, StringComparison.Ordinal) => OfHead(path[LogHead.Length..]),
            _ when path.StartsWith(Log, StringComparison.Ordinal) => OfLog(path[Log.Length..]),
            _ when RosterBundle.VersionIn(path) is not null => EvidenceKind.Roster,
            _ when DigestIn(path, Keys, KeySuffix) is not null => EvidenceKind.Key,
            _ when ProofIndex(path) is not null => EvidenceKind.Proof,
            _ when DigestIn(path, Envelopes, EnvelopeSuffix) is not null => EvidenceKind.Envelope,
            _ when DigestIn(path, Blobs, string.Empty) is not null => EvidenceKind.Blob,
            _ when DigestIn(path, Sums, RoundName) is not null => EvidenceKind.Round,
            _ when VectorIn(path) is not null => EvidenceKind.Vector,
            _ => null,
        };
        kind = found ?? default;
        return found is not null;
    }

    /// <summary>The largest file of a kind, in bytes.</summary>
    public static long MaxBytes(EvidenceKind kind) => kind switch
    {
        EvidenceKind.Tile => HashTile.FullWidth * MerkleHash.Length,
        EvidenceKind.Bundle or EvidenceKind.Batch => HashTile.FullWidth * (2L + EntryBundle.MaxEntryBytes),
        EvidenceKind.Roster => RosterBundle.MaxBytes,
        EvidenceKind.Key => 91,
        EvidenceKind.Envelope => MaxEnvelopeBytes,
        EvidenceKind.Blob => 1L << 40,
        EvidenceKind.Round => MaxRoundBytes,
        EvidenceKind.Vector => MaxVectorBytes,
        _ => SignedNote.MaxBytes,
    };

    /// <summary>Size and witness in the path of a cosigned checkpoint, or null.</summary>
    public static (long Size, SiloId Witness)? CosignedIn(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string[] parts = path.StartsWith(Log + CosignedRoot, StringComparison.Ordinal) ? path[(Log.Length + CosignedRoot.Length)..].Split('/') : [];
        return parts.Length == 2 && Checkpoint.TryParseNumber(parts[0], out long size) && Identifier.IsValid(parts[1]) ? (size, new SiloId(parts[1])) : null;
    }

    /// <summary>The digest that names a key, an envelope or a blob.</summary>
    internal static Sha256Digest NameOf(string path) => new(Path.GetFileNameWithoutExtension(path));

    /// <summary>The round that the evidence or the vector at a path is of, or null.</summary>
    internal static Sha256Digest? RidIn(string path) => DigestIn(path, Sums, RoundName) ?? VectorIn(path)?.Rid;

    /// <summary>The index in the name of a proof, or null.</summary>
    internal static long? ProofIndex(string path) =>
        path.StartsWith(Proofs, StringComparison.Ordinal) && path.EndsWith(ProofSuffix, StringComparison.Ordinal) && path.Length > Proofs.Length + ProofSuffix.Length
        && Checkpoint.TryParseNumber(path[Proofs.Length..^ProofSuffix.Length], out long index)
            ? index
            : null;

    /// <summary>The first index of a batch record, or null.</summary>
    internal static long? BatchIndex(string path) =>
        path.StartsWith(LogHead + BatchRoot, StringComparison.Ordinal) && Checkpoint.TryParseNumber(path[(LogHead.Length + BatchRoot.Length)..], out long index) ? index : null;

    private static (Sha256Digest Rid, int Idx)? VectorIn(string path)
    {
        int root = path.IndexOf(VectorRoot, StringComparison.Ordinal);
        return root > 0 && DigestIn(path[..root], Sums, string.Empty) is { } rid
            && Checkpoint.TryParseNumber(path[(root + VectorRoot.Length)..], out long idx) && idx is >= 1 and <= Fcsa1.MaxSilos
            ? (rid, (int)idx)
            : null;
    }

    private static EvidenceKind? OfHead(string path) =>
        string.Equals(path, LogPaths.Head, StringComparison.Ordinal) ? EvidenceKind.Head
        : BatchIndex(LogHead + path) is not null ? EvidenceKind.Batch
        : null;

    private static EvidenceKind? OfLog(string path) =>
        TileCoordinate.TryParse(path, out _) ? EvidenceKind.Tile
        : BundleCoordinate.TryParse(path, out _) ? EvidenceKind.Bundle
        : LogPaths.TryParseArchive(path, out _) ? EvidenceKind.Archive
        : CosignedIn(Log + path) is not null ? EvidenceKind.Cosigned
        : null;

    private static Sha256Digest? DigestIn(string path, string prefix, string suffix) =>
        path.Length == prefix.Length + 64 + suffix.Length
        && path.StartsWith(prefix, StringComparison.Ordinal) && path.EndsWith(suffix, StringComparison.Ordinal)
        && Sha256Digest.IsValid(path[prefix.Length..(prefix.Length + 64)])
            ? new Sha256Digest(path[prefix.Length..(prefix.Length + 64)])
            : null;
}
