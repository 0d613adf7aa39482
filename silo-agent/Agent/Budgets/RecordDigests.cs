// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>A digest of each record of a training file under a key of the home: finds data sets that share records (rule L2). Never leaves the silo.</summary>
/// <remarks>
/// HMAC-SHA256, cut to 16 bytes, of each line's bytes without its end (a line feed, or carriage return and line feed); empty lines are no
/// records. Sixteen bytes for each distinct record are held in memory. A record that was changed in one byte is another record here.
/// </remarks>
public sealed class RecordDigests
{
    private const int KeyBytes = 32;
    private const int DigestBytes = 16;
    private const int PieceBytes = 1 << 16;
    private const string KeyName = "_records.key"; // no ledger has this name: an identifier has no underscore

    private readonly UInt128[] _sorted;

    private RecordDigests(UInt128[] sorted, long records, Sha256Digest manifest) => (_sorted, Records, ManifestSha256) = (sorted, records, manifest);

    /// <summary>The records of the file, repeated ones included.</summary>
    public long Records { get; }

    /// <summary>The SHA-256 of the file's bytes.</summary>
    public Sha256Digest ManifestSha256 { get; }

    /// <summary>Reads a training file under the home's key, which is made when there is none.</summary>
    /// <param name="trainFile">The file.</param>
    /// <param name="folder">The folder of ledgers.</param>
    /// <exception cref="FedCloudException"><c>file_missing</c>, <c>key_file_permissions</c>, <c>key_unusable</c>, <c>disk_full</c>.</exception>
    public static RecordDigests Read(string trainFile, string folder)
    {
        if (!File.Exists(trainFile))
        {
            throw new FedCloudException(ErrorCodes.FileMissing, "expected the training file of the policy, found none");
        }

        byte[] key = Key(folder);
        try
        {
            using FileStream file = File.OpenRead(trainFile);
            return Read(file, key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>Which of other ledgers have a record of this file.</summary>
    /// <param name="others">The other ledgers.</param>
    public ImmutableArray<string> Overlap(IEnumerable<LedgerPaths> others) =>
        [.. others.Where(other => File.Exists(other.Records) && Overlaps(other)).Select(other => other.Name)];

    /// <summary>Adds the records to those that a ledger knows. A ledger never forgets one: it was spent for.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>, <c>ledger_broken</c>, <c>key_file_permissions</c>.</exception>
    public void AddTo(LedgerPaths paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        UInt128[] known = File.Exists(paths.Records) ? [.. Stored(paths)] : [];
        UInt128[] all = Distinct([.. known, .. _sorted]);
        if (all.Length > known.Length || !File.Exists(paths.Records))
        {
            byte[] bytes = new byte[all.Length * DigestBytes];
            for (int i = 0; i < all.Length; i++)
            {
                BinaryPrimitives.WriteUInt128BigEndian(bytes.AsSpan(i * DigestBytes), all[i]);
            }

            PrivateFile.Write(paths.Records, bytes);
        }
    }

    internal static RecordDigests Read(Stream file, byte[] key)
    {
        using IncrementalHash manifest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using LineDigests lines = new(key);
        byte[] piece = new byte[PieceBytes];
        int read;
        while ((read = file.Read(piece)) > 0)
        {
            manifest.AppendData(piece, 0, read);
            lines.Take(piece.AsSpan(0, read));
        }

        lines.End();
        return new RecordDigests(Distinct(lines.Digests), lines.Digests.Count, Sha256Digest.FromBytes(manifest.GetHashAndReset()));
    }

    private static byte[] Key(string folder)
    {
        PrivateFolder.Make(folder);
        string path = Path.Combine(folder, KeyName);
        if (!File.Exists(path))
        {
            if (Directory.EnumerateFiles(folder, "*.records").Any())
            {
                throw new FedCloudException(ErrorCodes.KeyUnusable, $"the key of the record digests ({KeyName}) is gone, and those of other data sets were made with it", "put the newest backup of the folder 'ledgers' in its place");
            }

            PrivateFile.WriteIfAbsent(path, RandomNumberGenerator.GetBytes(KeyBytes));
        }

        byte[] key = PrivateFile.Read(path);
        return key.Length == KeyBytes ? key : throw new FedCloudException(ErrorCodes.KeyUnusable, $"expected {KeyBytes} bytes in {KeyName}, found {key.Length}");
    }

    private static UInt128[] Distinct(List<UInt128> digests)
    {
        UInt128[] sorted = [.. digests];
        Array.Sort(sorted);
        int kept = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            if (i == 0 || sorted[i] != sorted[kept - 1])
            {
                sorted[kept++] = sorted[i];
            }
        }

        return sorted[..kept];
    }

    // Both sides are sorted: one walk through the file.
    private bool Overlaps(LedgerPaths other)
    {
        int mine = 0;
        foreach (UInt128 theirs in Stored(other))
        {
            while (mine < _sorted.Length && _sorted[mine] < theirs)
            {
                mine++;
            }

            if (mine < _sorted.Length && _sorted[mine] == theirs)
            {
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<UInt128> Stored(LedgerPaths paths)
    {
        using FileStream file = new(paths.Records, FileMode.Open, FileAccess.Read, FileShare.Read, PieceBytes);
        byte[] digest = new byte[DigestBytes];
        UInt128? last = null;
        for (long left = file.Length / DigestBytes; left > 0; left--)
        {
            file.ReadExactly(digest);
            UInt128 next = BinaryPrimitives.ReadUInt128BigEndian(digest);
            if (next <= last)
            {
                throw Broken(paths);
            }

            last = next;
            yield return next;
        }

        if (file.Length % DigestBytes != 0)
        {
            throw Broken(paths);
        }
    }

    private static FedCloudException Broken(LedgerPaths paths) => new(ErrorCodes.LedgerBroken, $"{Path.GetFileName(paths.Records)} does not hold sorted digests");

    /// <summary>Digests of lines that arrive in pieces, however long a line is.</summary>
    private sealed class LineDigests(byte[] key) : IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        private readonly byte[] _digest = new byte[HMACSHA256.HashSizeInBytes];
        private bool _isEmpty = true;
        private bool _holdsReturn;

        public List<UInt128> Digests { get; } = [];

        public void Take(ReadOnlySpan<byte> piece)
        {
            while (piece.IndexOf((byte)'\n') is var end && end >= 0)
            {
                Add(piece[..end]);
                End();
                piece = piece[(end + 1)..];
            }

            Add(piece);
        }

        /// <summary>Ends a line, the last one if it has no line feed.</summary>
        public void End()
        {
            _holdsReturn = false;
            if (!_isEmpty)
            {
                _hash.GetHashAndReset(_digest);
                Digests.Add(BinaryPrimitives.ReadUInt128BigEndian(_digest));
                _isEmpty = true;
            }
        }

        public void Dispose() => _hash.Dispose();

        // A carriage return belongs to the line unless the line ends behind it.
        private void Add(ReadOnlySpan<byte> part)
        {
            if (part.IsEmpty)
            {
                return;
            }

            if (_holdsReturn)
            {
                Hash("\r"u8);
            }

            _holdsReturn = part[^1] == '\r';
            Hash(_holdsReturn ? part[..^1] : part);
        }

        private void Hash(ReadOnlySpan<byte> part)
        {
            _hash.AppendData(part);
            _isEmpty &= part.IsEmpty;
        }
    }
}
