// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>A witness's line under a checkpoint: ECDSA of type 0x02 over the same text that the log signed (audit-log, W3).</summary>
public static class WitnessLine
{
    /// <summary>The 32-byte digest that the witness key signs.</summary>
    public static byte[] Digest(SignedNote note)
    {
        ArgumentNullException.ThrowIfNull(note);
        return SHA256.HashData(Encoding.UTF8.GetBytes(note.Text));
    }

    /// <summary>The line.</summary>
    /// <param name="key">The witness key under its name in the roster.</param>
    /// <param name="signature">r‖s, 64 bytes, over <see cref="Digest"/>.</param>
    public static NoteSignature Of(NoteKey key, ReadOnlySpan<byte> signature)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new NoteSignature(key.Name, key.Id, EcdsaDer.FromP1363(signature));
    }

    /// <summary>Checks a line that arrived, as the log's writer does, and gives the file to create.</summary>
    /// <param name="archived">The archived checkpoint.</param>
    /// <param name="witness">The silo.</param>
    /// <param name="key">Its witness key in the roster.</param>
    /// <param name="line">The line.</param>
    /// <exception cref="FedCloudException"><c>note_signature_invalid</c>.</exception>
    public static LogWrite Accept(SealedCheckpoint archived, SiloId witness, NoteKey key, NoteSignature line)
    {
        ArgumentNullException.ThrowIfNull(archived);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(line);
        return key.Matches(line) && key.Verify(archived.Note.Text, line.Signature.Span)
            ? new LogWrite(LogContainer.Log, LogPaths.Cosigned(archived.Checkpoint.Size, witness), archived.Note.With(line).ToBytes())
            : throw new FedCloudException(ErrorCodes.NoteSignatureInvalid, $"the line of {witness} is not its witness key's under the checkpoint of size {archived.Checkpoint.Size}");
    }
}
