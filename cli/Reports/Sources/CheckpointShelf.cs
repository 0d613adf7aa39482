// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Reports.Sources;

/// <summary>The archived checkpoints of the evidence with their witness lines.</summary>
internal sealed class CheckpointShelf
{
    private readonly ImmutableSortedDictionary<long, (SignedNote Note, int Lines)> _notes;

    private CheckpointShelf(ImmutableSortedDictionary<long, (SignedNote Note, int Lines)> notes) => _notes = notes;

    /// <summary>Reads all that can be read; the verification names the others.</summary>
    public static async Task<CheckpointShelf> ReadAsync(EvidenceInventory files, CancellationToken cancellation)
    {
        SortedDictionary<long, (SignedNote Note, int Lines)> notes = [];
        foreach (EvidenceFile file in files.Of(EvidenceKind.Archive))
        {
            if (await TryReadAsync(files, file, cancellation) is { } note && TrySize(note) is { } size)
            {
                notes[size] = (note, 0);
            }
        }

        foreach (EvidenceFile file in files.Of(EvidenceKind.Cosigned).OrderBy(file => file.Path, StringComparer.Ordinal))
        {
            if (EvidenceLayout.CosignedIn(file.Path) is { } cosigned
                && notes.TryGetValue(cosigned.Size, out (SignedNote Note, int Lines) archived)
                && await TryReadAsync(files, file, cancellation) is { } line
                && Witnessed(archived.Note, line) is { } witnessed)
            {
                notes[cosigned.Size] = (witnessed, archived.Lines + 1);
            }
        }

        return new CheckpointShelf(notes.ToImmutableSortedDictionary());
    }

    /// <summary>A checkpoint with all its witness lines; null where there is none of that size.</summary>
    public SignedNote? At(long size) => _notes.TryGetValue(size, out (SignedNote Note, int Lines) found) ? found.Note : null;

    /// <summary>How many witness lines a checkpoint has.</summary>
    public int Lines(long size) => _notes.TryGetValue(size, out (SignedNote Note, int Lines) found) ? found.Lines : 0;

    /// <summary>The sizes of the checkpoints that hold one entry and end before another.</summary>
    /// <param name="index">The entry that they hold.</param>
    /// <param name="before">The entry that they do not hold.</param>
    public IEnumerable<long> Between(long index, long before) => _notes.Keys.Where(size => size > index && size <= before);

    // A silo adds its line to the log's own note.
    private static SignedNote? Witnessed(SignedNote archived, SignedNote line)
    {
        ImmutableArray<NoteSignature> added = [.. line.Signatures.Where(signature => !archived.Signatures.Any(known => known.KeyId == signature.KeyId && string.Equals(known.Name, signature.Name, StringComparison.Ordinal)))];
        return string.Equals(archived.Text, line.Text, StringComparison.Ordinal) && added.Length > 0 ? added.Aggregate(archived, (note, signature) => note.With(signature)) : null;
    }

    private static async Task<SignedNote?> TryReadAsync(EvidenceInventory files, EvidenceFile file, CancellationToken cancellation)
    {
        byte[] bytes = await files.ReadAsync(file.Path, cancellation) ?? [];
        try
        {
            return SignedNote.Parse(bytes);
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.NoteMalformed)
        {
            return null;
        }
    }

    private static long? TrySize(SignedNote note)
    {
        try
        {
            return Checkpoint.Parse(note.Text).Size;
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.CheckpointMalformed)
        {
            return null;
        }
    }
}
