// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>What a silo keeps of its epochs: the secrets, encrypted and erasable piece by piece, and beside them what it made public (secure-aggregation, section 6, J2 and J6).</summary>
/// <remarks>
/// Below the folder, <c>{sid}/</c> holds <c>agreement-key</c> (u16 idx, u16 slots, c), <c>coefficient-seed</c>, and for each slot
/// <c>slot-07</c> (s, b), <c>own-07</c> (the shares that the silo dealt to itself) and <c>held-07</c> (those of all dealers); a piece
/// without a file is erased. <c>{sid}/public/</c> is readable; <c>coins/</c> holds the coin keys. Every write is flushed, and whole or not
/// at all. Erasing is of files: who holds <see cref="EpochSecrets"/> in memory erases there, too. A copy of the folder is a copy of
/// the secrets, which <see cref="StartToken"/> finds out.
/// </remarks>
public sealed class EpochVault : IDisposable
{
    private const string KeyPiece = "agreement-key";
    private const string SeedPiece = "coefficient-seed";
    private const string SecretsPiece = "slot";
    private const string OwnPiece = "own";
    private const string HeldPiece = "held";
    private const string PublicFolder = "public";
    private const string CoinFolder = "coins";

    private const int HeadBytes = 4;
    private const int KeyPieceBytes = HeadBytes + Fcsa1.KeyBytes;
    private const int SlotSecretsBytes = 2 * Fcsa1.KeyBytes;
    private const int DealerBytes = sizeof(ushort) + ShareBundle.SlotBytes;

    private readonly string _folder;
    private readonly SealedFiles _files;

    /// <summary>Opens a vault, making its folder and its key when they do not exist.</summary>
    /// <param name="folder">The vault's own folder.</param>
    /// <param name="keyPath">The file of the 32-byte key that encrypts at rest, of mode 0600.</param>
    /// <exception cref="FedCloudException"><c>key_file_permissions</c>, <c>key_unusable</c>, <c>disk_full</c>.</exception>
    public EpochVault(string folder, string keyPath)
    {
        _folder = folder;
        _files = new SealedFiles(folder, keyPath);
    }

    /// <summary>The epochs of which some secret is left.</summary>
    public IEnumerable<Sha256Digest> Epochs => Directory.GetDirectories(_folder)
        .Where(folder => Sha256Digest.IsValid(Path.GetFileName(folder)) && Directory.EnumerateFiles(folder).Any())
        .Select(folder => new Sha256Digest(Path.GetFileName(folder)))
        .OrderBy(sid => sid.Hex, StringComparer.Ordinal);

    /// <summary>The secrets of an epoch: those that were made before, or fresh ones. The caller disposes them.</summary>
    /// <remarks>Fresh ones are made only before anything of the epoch is public, so put the Advertise body here before it is sent.</remarks>
    /// <param name="epoch">The epoch.</param>
    /// <param name="idx">The silo's roster index.</param>
    /// <param name="random">A cryptographic generator.</param>
    /// <exception cref="FedCloudException"><c>key_missing</c>: the epoch is public and its secrets are gone; <c>epoch_secrets_broken</c>, <c>disk_full</c>.</exception>
    public EpochSecrets MakeOrRead(EpochParams epoch, int idx, RandomFill random)
    {
        ArgumentNullException.ThrowIfNull(epoch);
        Sha256Digest sid = epoch.Sid();
        if (!_files.Exists(Name(sid, KeyPiece)) && !Directory.Exists(PublicFolderOf(sid)))
        {
            Make(sid, idx, epoch.Slots, random);
        }

        EpochSecrets secrets = Read(sid);
        if (secrets.Idx == idx && secrets.Slots == epoch.Slots)
        {
            return secrets;
        }

        secrets.Dispose();
        throw SealedFiles.Broken(Name(sid, KeyPiece));
    }

    /// <summary>The secrets of an epoch, of which some may be erased. The caller disposes them.</summary>
    /// <exception cref="FedCloudException"><c>key_missing</c>: never made, or ended; <c>epoch_secrets_broken</c>, <c>key_file_permissions</c>.</exception>
    public EpochSecrets Read(Sha256Digest sid)
    {
        int slots = ReadHead(sid).Slots;
        using SecretBytes stored = new(KeyPieceBytes + Fcsa1.KeyBytes + (slots * SlotSecretsBytes));
        foreach ((string piece, Range range) in PiecesOf(slots))
        {
            _ = TryRead(Name(sid, piece), stored.Span[range]);
        }

        return EpochSecrets.Read(stored.Span);
    }

    /// <summary>Keeps the shares that the silo dealt to itself, until E4 brings them back with those of the others.</summary>
    /// <remarks>Slots that were erased stay erased.</remarks>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void PutOwnShares(Sha256Digest sid, ShareBundle own)
    {
        ArgumentNullException.ThrowIfNull(own);
        foreach (int slot in LivingSlots(sid))
        {
            _files.Write(Name(sid, OwnPiece, slot), PairOf(own, slot));
        }
    }

    /// <summary>The shares that the silo dealt to itself, erased slots absent. The caller disposes them.</summary>
    /// <exception cref="FedCloudException"><c>key_missing</c>: none are left; <c>epoch_secrets_broken</c>, <c>key_file_permissions</c>.</exception>
    public ShareBundle ReadOwnShares(Sha256Digest sid)
    {
        int slots = ReadHead(sid).Slots;
        using SecretBytes stored = new(slots * ShareBundle.SlotBytes);
        bool any = false;
        for (int slot = 0; slot < slots; slot++)
        {
            any |= TryRead(Name(sid, OwnPiece, slot), stored.Span.Slice(slot * ShareBundle.SlotBytes, ShareBundle.SlotBytes));
        }

        return any ? new ShareBundle(stored.Span) : throw Missing(Name(sid, OwnPiece));
    }

    /// <summary>Keeps the verified shares of all dealers.</summary>
    /// <remarks>Slots that were erased stay erased.</remarks>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void PutHeld(Sha256Digest sid, HeldShares held)
    {
        ArgumentNullException.ThrowIfNull(held);
        using SecretBytes stored = new(held.U2.Length * DealerBytes);
        foreach (int slot in LivingSlots(sid))
        {
            for (int i = 0; i < held.U2.Length; i++)
            {
                Span<byte> entry = stored.Span.Slice(i * DealerBytes, DealerBytes);
                BinaryPrimitives.WriteUInt16BigEndian(entry, (ushort)held.U2[i]);
                PairOf(held.Of(held.U2[i]), slot).CopyTo(entry[sizeof(ushort)..]);
            }

            _files.Write(Name(sid, HeldPiece, slot), stored.Span);
        }
    }

    /// <summary>The shares of all dealers in one slot; the other slots are as if erased. The caller disposes them.</summary>
    /// <exception cref="FedCloudException"><c>key_missing</c>: never put, or erased; <c>epoch_secrets_broken</c>, <c>key_file_permissions</c>.</exception>
    public HeldShares ReadHeld(Sha256Digest sid, int slot)
    {
        (int idx, int slots) = ReadHead(sid);
        string name = Name(sid, HeldPiece, slot);
        using SecretBytes stored = _files.Read(name) ?? throw Missing(name);
        if (slot >= slots || stored.Length % DealerBytes != 0)
        {
            throw SealedFiles.Broken(name);
        }

        using SecretBytes bundle = new(slots * ShareBundle.SlotBytes);
        SortedDictionary<int, ShareBundle> byDealer = [];
        for (int at = 0; at < stored.Length; at += DealerBytes)
        {
            stored.Span.Slice(at + sizeof(ushort), ShareBundle.SlotBytes).CopyTo(bundle.Span[(slot * ShareBundle.SlotBytes)..]);
            byDealer.Add(BinaryPrimitives.ReadUInt16BigEndian(stored.Span[at..]), new ShareBundle(bundle.Span));
        }

        return new HeldShares(idx, byDealer.ToImmutableSortedDictionary());
    }

    /// <summary>Erases the seed of the Shamir coefficients, after SHARED.</summary>
    public void EraseCoefficientSeed(Sha256Digest sid) => _files.Erase(Name(sid, SeedPiece));

    /// <summary>Erases s, b and all shares of a slot, at DONE or BURNED.</summary>
    public void EraseSlot(Sha256Digest sid, int slot)
    {
        foreach (string piece in (string[])[SecretsPiece, OwnPiece, HeldPiece])
        {
            _files.Erase(Name(sid, piece, slot));
        }
    }

    /// <summary>Erases every secret of an epoch. What is public stays.</summary>
    public void EndEpoch(Sha256Digest sid)
    {
        string folder = Path.Combine(_folder, sid.Hex);
        IEnumerable<string> files = Directory.Exists(folder) ? Directory.GetFiles(folder) : [];
        foreach (string piece in files.Select(path => Path.GetFileName(path).Split('.')[0]).Distinct(StringComparer.Ordinal))
        {
            _files.Erase(Name(sid, piece));
        }
    }

    /// <summary>Keeps bytes that the silo makes or made public, so that it sends the same again (J2).</summary>
    /// <param name="sid">The epoch.</param>
    /// <param name="name">An identifier; see <see cref="Identifier"/>.</param>
    /// <param name="bytes">The bytes.</param>
    /// <exception cref="FedCloudException"><c>id_malformed</c>, <c>disk_full</c>.</exception>
    public void PutPublic(Sha256Digest sid, string name, ReadOnlySpan<byte> bytes)
    {
        string path = PublicPath(sid, name);
        PrivateFolder.Make(Path.Combine(_folder, sid.Hex));
        PrivateFolder.Make(PublicFolderOf(sid));
        PrivateFile.Write(path, bytes);
    }

    /// <summary>What <see cref="PutPublic"/> kept.</summary>
    /// <returns>Null when there is nothing of this name.</returns>
    /// <exception cref="FedCloudException"><c>id_malformed</c>, <c>key_file_permissions</c>.</exception>
    public byte[]? GetPublic(Sha256Digest sid, string name)
    {
        string path = PublicPath(sid, name);
        return File.Exists(path) ? PrivateFile.Read(path) : null;
    }

    /// <summary>The key of a round's coins, made once: a retry in another slot or epoch masks the same integers (J8). The caller disposes it.</summary>
    /// <exception cref="FedCloudException"><c>epoch_secrets_broken</c>, <c>key_file_permissions</c>, <c>disk_full</c>.</exception>
    public SecretBytes CoinKeyOf(RunId job, long round)
    {
        string name = CoinName(job, round);
        if (!_files.Exists(name))
        {
            using SecretBytes fresh = new(Fcsa1.KeyBytes);
            RandomNumberGenerator.Fill(fresh.Span);
            _files.WriteIfAbsent(name, fresh.Span);
        }

        SecretBytes key = new(Fcsa1.KeyBytes);
        return TryRead(name, key.Span) ? key : throw Missing(name);
    }

    /// <summary>Erases the key of a round's coins, when the round was opened or is given up.</summary>
    public void ForgetCoinKey(RunId job, long round) => _files.Erase(CoinName(job, round));

    /// <summary>Zeroes the key that encrypts at rest.</summary>
    public void Dispose() => _files.Dispose();

    // The agreement key is written last: without it nothing was made, and a crash before it leaves files that the next attempt replaces.
    private void Make(Sha256Digest sid, int idx, int slots, RandomFill random)
    {
        using EpochSecrets secrets = EpochSecrets.Generate(idx, slots, random);
        using SecretBytes stored = new(secrets.StoredBytes);
        secrets.CopyTo(stored.Span);
        foreach ((string piece, Range range) in PiecesOf(slots).Reverse())
        {
            _files.Write(Name(sid, piece), stored.Span[range]);
        }
    }

    // How the stored form of EpochSecrets is cut.
    private static IEnumerable<(string Piece, Range Range)> PiecesOf(int slots)
    {
        const int Slots = KeyPieceBytes + Fcsa1.KeyBytes;
        yield return (KeyPiece, ..KeyPieceBytes);
        yield return (SeedPiece, KeyPieceBytes..Slots);
        for (int slot = 0; slot < slots; slot++)
        {
            int first = Slots + (slot * SlotSecretsBytes);
            yield return (OfSlot(SecretsPiece, slot), first..(first + SlotSecretsBytes));
        }
    }

    private (int Idx, int Slots) ReadHead(Sha256Digest sid)
    {
        using SecretBytes piece = new(KeyPieceBytes);
        return TryRead(Name(sid, KeyPiece), piece.Span)
            ? (BinaryPrimitives.ReadUInt16BigEndian(piece.Span), BinaryPrimitives.ReadUInt16BigEndian(piece.Span[2..]))
            : throw Missing(Name(sid, KeyPiece));
    }

    private IEnumerable<int> LivingSlots(Sha256Digest sid) =>
        Enumerable.Range(0, ReadHead(sid).Slots).Where(slot => _files.Exists(Name(sid, SecretsPiece, slot)));

    // False, and nothing written, when the piece was erased.
    private bool TryRead(string name, Span<byte> destination)
    {
        using SecretBytes? secret = _files.Read(name);
        if (secret is not null && secret.Length != destination.Length)
        {
            throw SealedFiles.Broken(name);
        }

        secret?.Span.CopyTo(destination);
        return secret is not null;
    }

    private static Span<byte> PairOf(ShareBundle bundle, int slot) => bundle.Bytes.Slice(slot * ShareBundle.SlotBytes, ShareBundle.SlotBytes);

    private string PublicPath(Sha256Digest sid, string name) => Path.Combine(PublicFolderOf(sid), Identifier.Require(name, "file name"));

    private string PublicFolderOf(Sha256Digest sid) => Path.Combine(_folder, sid.Hex, PublicFolder);

    private static string Name(Sha256Digest sid, string piece) => $"{sid.Hex}/{piece}";

    private static string Name(Sha256Digest sid, string piece, int slot) => Name(sid, OfSlot(piece, slot));

    private static string OfSlot(string piece, int slot) => string.Create(CultureInfo.InvariantCulture, $"{piece}-{slot:D2}");

    // An identifier has no dot, so no two rounds share a name.
    private static string CoinName(RunId job, long round) => string.Create(CultureInfo.InvariantCulture, $"{CoinFolder}/{job.Value}.{round}");

    private static FedCloudException Missing(string name) => new(ErrorCodes.KeyMissing, $"expected {name}, found none: it was never made, or is erased");
}
