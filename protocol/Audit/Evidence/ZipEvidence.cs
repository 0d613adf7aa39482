// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.IO.Compression;

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>An evidence bundle in a zip. It is read in place: nothing is ever extracted to disk.</summary>
/// <remarks>
/// The names are not taken as paths of this machine, so a name that leaves its folder is only an unknown name. What a file
/// unpacks to is bounded by its kind, and by the ratio that deflate can reach.
/// </remarks>
public sealed class ZipEvidence : IEvidenceSource
{
    // Deflate's best is 1032 to 1 (RFC 1951: 258 bytes in 2 bits, less block overhead); more is a lie in the directory.
    private const int MaxRatio = 1032;

    private readonly Stream _stream;
    private readonly ZipArchive _zip;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);

    private ZipEvidence(Stream stream, ZipArchive zip)
    {
        _stream = stream;
        _zip = zip;
    }

    /// <summary>Opens a zip.</summary>
    /// <param name="stream">A stream that can seek; it is closed with this source.</param>
    /// <exception cref="Errors.FedCloudException"><c>evidence_unusable</c>.</exception>
    public static ZipEvidence Open(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        try
        {
            ZipSeal.Require(stream);
            stream.Position = 0;
            return new ZipEvidence(stream, new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true));
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw EvidenceInventory.Unusable("expected a zip, found a file that is none or is damaged", error);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<EvidenceFile>> ListAsync(CancellationToken cancellation)
    {
        try
        {
            _entries.Clear();
            foreach (ZipArchiveEntry entry in _zip.Entries)
            {
                Add(entry);
            }
        }
        catch (InvalidDataException error)
        {
            throw EvidenceInventory.Unusable("the directory of the zip is damaged", error);
        }

        return new([.. _entries.Values.Select(entry => new EvidenceFile(entry.FullName, entry.Length))]);
    }

    /// <inheritdoc/>
    public ValueTask<Stream> OpenAsync(EvidenceFile file, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(file);
        ZipArchiveEntry entry = _entries[file.Path];
        try
        {
            return new(new ZipEntryStream(entry.Open(), entry.Length, file.Path));
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw EvidenceInventory.Unusable($"{file.Path} cannot be unpacked", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _zip.Dispose();
        _stream.Dispose();
    }

    private void Add(ZipArchiveEntry entry)
    {
        string name = entry.FullName;

        // Folders have entries of their own in many zips; they say nothing.
        if (name.EndsWith('/') && entry.Length == 0 && !name.Contains("..", StringComparison.Ordinal) && !name.StartsWith('/'))
        {
            return;
        }

        if (!EvidenceLayout.TryParse(name, out EvidenceKind kind))
        {
            throw EvidenceInventory.Unusable($"expected only files of the evidence layout, found '{EvidenceInventory.Printable(name)}'");
        }

        if (entry.Length > EvidenceLayout.MaxBytes(kind) || entry.Length > (entry.CompressedLength + 1) * MaxRatio || entry.IsEncrypted)
        {
            throw EvidenceInventory.Unusable($"{name}: expected at most {EvidenceLayout.MaxBytes(kind)} bytes, packed by deflate and not encrypted, found {entry.Length} out of {entry.CompressedLength}");
        }

        if (!_entries.TryAdd(name, entry))
        {
            throw EvidenceInventory.Unusable($"expected each name once, found '{name}' again");
        }
    }
}
