// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>A signed checkpoint that is to be archived.</summary>
/// <param name="Note">The note.</param>
/// <param name="Checkpoint">What it says.</param>
public sealed record SealedCheckpoint(SignedNote Note, Checkpoint Checkpoint)
{
    /// <summary>The file to create in the archive; the head gets the same bytes.</summary>
    public LogWrite Archive => new(LogContainer.Log, LogPaths.Archive(Checkpoint.Size), Note.ToBytes());

    /// <summary>Decides about a file that exists already: the same text is this checkpoint (signatures differ each time), another text stops the log.</summary>
    /// <param name="existing">The bytes found in the archive.</param>
    /// <returns>The archived checkpoint, which is the one that counts.</returns>
    /// <exception cref="FedCloudException"><c>log_conflict</c> or <c>note_malformed</c>.</exception>
    public SealedCheckpoint Reconcile(ReadOnlySpan<byte> existing)
    {
        SignedNote archived = SignedNote.Parse(existing);
        return string.Equals(archived.Text, Note.Text, StringComparison.Ordinal)
            ? this with { Note = archived }
            : throw new FedCloudException(ErrorCodes.LogConflict, $"{LogPaths.Archive(Checkpoint.Size)} exists with another text");
    }
}
