// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>The signed checkpoints of the evidence, read and compared with each other; their signatures come later, since the entries say which keys were the log's.</summary>
internal sealed class CheckpointFiles
{
    private const string Check = "V1";

    private readonly SortedDictionary<long, (Checkpoint Checkpoint, SignedNote Note)> _archived = [];
    private readonly Dictionary<long, List<(SiloId Witness, SignedNote Note)>> _cosigned = [];

    public ImmutableArray<long> Sizes { get; private set; } = [];

    public long Size => Sizes.IsEmpty ? 0 : Sizes[^1];

    public Checkpoint? Newest => Sizes.IsEmpty ? null : _archived[Size].Checkpoint;

    /// <summary>The note of the head; null where it is missing or unreadable.</summary>
    public SignedNote? Head { get; private set; }

    public static async Task<CheckpointFiles> ReadAsync(EvidenceInventory evidence, Findings findings, CancellationToken cancellation)
    {
        CheckpointFiles files = new();
        foreach (EvidenceFile file in evidence.Of(EvidenceKind.Archive))
        {
            byte[] bytes = await evidence.ReadAsync(file.Path, cancellation) ?? [];
            findings.Try(Check, file.Path, () => files.AddArchived(file.Path, bytes));
        }

        files.Sizes = [.. files._archived.Keys];
        files.RequireOneOrigin(findings);
        foreach (EvidenceFile file in evidence.Of(EvidenceKind.Cosigned))
        {
            byte[] bytes = await evidence.ReadAsync(file.Path, cancellation) ?? [];
            findings.Try(Check, file.Path, () => files.AddCosigned(file.Path, bytes));
        }

        string head = EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Head);
        byte[]? newest = await evidence.ReadAsync(head, cancellation);
        findings.Try(Check, head, () => files.SetHead(newest));
        return files;
    }

    public static string PathOf(long size) => EvidenceLayout.Of(LogContainer.Log, LogPaths.Archive(size));

    public Checkpoint At(long size) => _archived[size].Checkpoint;

    public SignedNote NoteAt(long size) => _archived[size].Note;

    public IReadOnlyList<(SiloId Witness, SignedNote Note)> CosignedAt(long size) => _cosigned.GetValueOrDefault(size) ?? [];

    public CosignedCheckpoint Cosigned(long size) => new(NoteAt(size), [.. CosignedAt(size).Select(cosigned => cosigned.Note)]);

    private static (Checkpoint Checkpoint, SignedNote Note) Read(byte[] bytes)
    {
        SignedNote note = SignedNote.Parse(bytes);
        Checkpoint checkpoint = Checkpoint.Parse(note.Text);
        return checkpoint is { Size: > 0, Extensions: [] }
            ? (checkpoint, note)
            : throw new FedCloudException(ErrorCodes.CheckpointMalformed, "expected three lines and at least one entry, found another text");
    }

    private void AddArchived(string path, byte[] bytes)
    {
        (Checkpoint Checkpoint, SignedNote Note) read = Read(bytes);
        if (!string.Equals(PathOf(read.Checkpoint.Size), path, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.CheckpointOrigin, $"the path names another size than the note, which says {read.Checkpoint.Size}");
        }

        _archived.Add(read.Checkpoint.Size, read);
    }

    private void RequireOneOrigin(Findings findings)
    {
        foreach (long size in Sizes.Where(size => !string.Equals(At(size).Origin, At(Sizes[0]).Origin, StringComparison.Ordinal)))
        {
            findings.AtFile(Check, ErrorCodes.CheckpointOrigin, PathOf(size), "the checkpoint is of another log than the first one");
        }
    }

    private void AddCosigned(string path, byte[] bytes)
    {
        (long size, SiloId witness) = EvidenceLayout.CosignedIn(path) ?? throw new InvalidOperationException("the inventory knows the kind");
        SignedNote note = SignedNote.Parse(bytes);
        if (!_archived.TryGetValue(size, out (Checkpoint Checkpoint, SignedNote Note) archived))
        {
            throw new FedCloudException(ErrorCodes.LogFileMissing, $"there is no {PathOf(size)} that the line belongs to");
        }

        if (!string.Equals(note.Text, archived.Note.Text, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.LogFork, "the cosigned text is not the archived one");
        }

        if (!_cosigned.TryGetValue(size, out List<(SiloId, SignedNote)>? lines))
        {
            _cosigned.Add(size, lines = []);
        }

        lines.Add((witness, note));
    }

    private void SetHead(byte[]? bytes)
    {
        if (bytes is null)
        {
            throw new FedCloudException(ErrorCodes.LogFileMissing, "the newest checkpoint is missing");
        }

        (Checkpoint checkpoint, SignedNote note) = Read(bytes);
        if (!_archived.TryGetValue(checkpoint.Size, out (Checkpoint Checkpoint, SignedNote Note) archived) || checkpoint.Size != Size)
        {
            throw new FedCloudException(ErrorCodes.LogFileMissing, $"the newest checkpoint has size {checkpoint.Size}, and the newest archived one {Size}");
        }

        if (!string.Equals(archived.Note.Text, note.Text, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.LogFork, "the newest checkpoint is not the archived one of its size");
        }

        Head = note;
    }
}
