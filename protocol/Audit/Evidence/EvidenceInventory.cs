// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>The files of a bundle by kind, each name once and each within its bounds.</summary>
public sealed class EvidenceInventory
{
    /// <summary>The most files in a bundle.</summary>
    public const int MaxFiles = 20_000_000;

    private readonly IEvidenceSource _source;
    private readonly Dictionary<string, EvidenceFile> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<EvidenceKind, List<EvidenceFile>> _kinds = [];

    private EvidenceInventory(IEvidenceSource source) => _source = source;

    /// <summary>Lists a source.</summary>
    /// <exception cref="FedCloudException"><c>evidence_unusable</c>: a name is unknown or doubled, or a file is too large.</exception>
    public static async ValueTask<EvidenceInventory> ReadAsync(IEvidenceSource source, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(source);
        EvidenceInventory inventory = new(source);
        foreach (EvidenceFile file in await source.ListAsync(cancellation))
        {
            inventory.Add(file);
        }

        return inventory._files.Count > 0 ? inventory : throw Unusable("expected the files of a log, found none");
    }

    /// <summary>All files of a kind.</summary>
    public IReadOnlyList<EvidenceFile> Of(EvidenceKind kind) => _kinds.TryGetValue(kind, out List<EvidenceFile>? files) ? files : [];

    /// <summary>A file, or null.</summary>
    public EvidenceFile? Find(string path) => _files.GetValueOrDefault(path);

    /// <summary>Opens a file. Several may be open at once; they are read by one thread.</summary>
    public ValueTask<Stream> OpenAsync(EvidenceFile file, CancellationToken cancellation) => _source.OpenAsync(file, cancellation);

    /// <summary>Whether a file is there.</summary>
    public bool Has(string path) => _files.ContainsKey(path);

    /// <summary>The bytes of a file, or null where there is none.</summary>
    /// <exception cref="FedCloudException"><c>evidence_unusable</c>: it has another length than the source states.</exception>
    public async ValueTask<byte[]?> ReadAsync(string path, CancellationToken cancellation)
    {
        if (!_files.TryGetValue(path, out EvidenceFile? file))
        {
            return null;
        }

        await using Stream stream = await _source.OpenAsync(file, cancellation);
        byte[] bytes = new byte[file.Length];
        int read = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation);
        bool ended = read == bytes.Length && await stream.ReadAsync(new byte[1], cancellation) == 0;
        return ended ? bytes : throw Unusable($"{path}: expected {bytes.Length} bytes as listed, found another length");
    }

    /// <summary>The digest of a file of any length.</summary>
    public async ValueTask<Sha256Digest> DigestAsync(EvidenceFile file, CancellationToken cancellation)
    {
        await using Stream stream = await _source.OpenAsync(file, cancellation);
        return Sha256Digest.FromBytes(await System.Security.Cryptography.SHA256.HashDataAsync(stream, cancellation));
    }

    internal static FedCloudException Unusable(string found, Exception? cause = null) => new(ErrorCodes.EvidenceUnusable, found, cause: cause);

    internal static string Printable(string path) => string.Concat(path.Take(120).Select(c => c is > ' ' and <= '~' ? c : '?'));

    private void Add(EvidenceFile file)
    {
        if (!EvidenceLayout.TryParse(file.Path, out EvidenceKind kind))
        {
            throw Unusable($"expected only files of the evidence layout, found '{Printable(file.Path)}'");
        }

        if (file.Length < 0 || file.Length > EvidenceLayout.MaxBytes(kind))
        {
            throw Unusable($"{file.Path}: expected at most {EvidenceLayout.MaxBytes(kind)} bytes, found {file.Length}");
        }

        if (!_files.TryAdd(file.Path, file) || _files.Count > MaxFiles)
        {
            throw Unusable($"expected each of at most {MaxFiles} names once, found '{file.Path}' again");
        }

        if (!_kinds.TryGetValue(kind, out List<EvidenceFile>? files))
        {
            _kinds.Add(kind, files = []);
        }

        files.Add(file);
    }
}
