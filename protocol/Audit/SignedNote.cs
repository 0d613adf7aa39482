// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>A text with signature lines under it (C2SP signed-note). The text means nothing until <see cref="Verify"/> has passed.</summary>
/// <remarks>Lines of unknown keys are kept and ignored; one malformed line rejects the note (audit-log, section 4).</remarks>
public sealed class SignedNote
{
    /// <summary>The largest note, in bytes. A roster has at most 255 witnesses; a line is far below 1 KiB, of a post-quantum key 5 KiB.</summary>
    public const int MaxBytes = 256 * 1024;

    /// <summary>The most signature lines. C2SP asks for at least 16.</summary>
    public const int MaxSignatures = 320;

    /// <summary>What begins a signature line: em dash and space.</summary>
    internal const string LineMark = "— ";

    private const int KeyIdBytes = 4;

    // Throws on invalid bytes instead of reading a replacement character.
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Makes a note.</summary>
    /// <param name="text">The text; ends with a newline.</param>
    /// <param name="signatures">At least one line.</param>
    /// <exception cref="FedCloudException"><c>note_malformed</c>.</exception>
    public SignedNote(string text, ImmutableArray<NoteSignature> signatures)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!text.EndsWith('\n') || text.Any(c => c < ' ' && c != '\n'))
        {
            throw Malformed("the text does not end with a newline or has control characters");
        }

        if (signatures.IsDefaultOrEmpty || signatures.Length > MaxSignatures)
        {
            throw Malformed($"expected 1 to {MaxSignatures} signature lines");
        }

        if (signatures.Any(line => !NoteKey.IsName(line.Name) || line.Signature.IsEmpty))
        {
            throw Malformed("a signature line lacks a name or a signature");
        }

        Text = text;
        Signatures = signatures;
    }

    /// <summary>The signed text, with the newline at its end.</summary>
    public string Text { get; }

    /// <summary>All lines, in order, whoever signed them.</summary>
    public ImmutableArray<NoteSignature> Signatures { get; }

    /// <summary>Reads a note. Its own bytes are the only ones that give it: <see cref="ToBytes"/> returns them.</summary>
    /// <exception cref="FedCloudException"><c>note_malformed</c>.</exception>
    public static SignedNote Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MaxBytes)
        {
            throw Malformed($"expected at most {MaxBytes} bytes, found {bytes.Length}");
        }

        string note = Decode(bytes);

        // The text may have empty lines of its own; the last one separates the signatures.
        int gap = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (gap < 0 || !note.EndsWith('\n') || gap + 2 == note.Length)
        {
            throw Malformed("expected a text, an empty line and signature lines");
        }

        string[] lines = note[(gap + 2)..^1].Split('\n');
        return lines.Length <= MaxSignatures
            ? new SignedNote(note[..(gap + 1)], [.. lines.Select(ParseLine)])
            : throw Malformed($"expected at most {MaxSignatures} signature lines, found {lines.Length}");
    }

    /// <summary>The note's bytes.</summary>
    public byte[] ToBytes() => StrictUtf8.GetBytes($"{Text}\n{string.Concat(Signatures.Select(line => line.ToLine() + "\n"))}");

    /// <summary>Finds the keys that signed the note.</summary>
    /// <param name="known">The keys that the caller trusts.</param>
    /// <returns>Each key that has a line, once.</returns>
    /// <exception cref="FedCloudException"><c>note_signature_invalid</c>: a line names a known key and does not verify; <c>note_unsigned</c>: no known key signed.</exception>
    public ImmutableArray<NoteKey> Verify(IEnumerable<NoteKey> known)
    {
        ArgumentNullException.ThrowIfNull(known);
        List<NoteKey> signers = [];
        foreach (NoteKey key in known)
        {
            NoteSignature[] lines = [.. Signatures.Where(key.Matches)];
            if (!lines.All(line => key.Verify(Text, line.Signature.Span)))
            {
                throw new FedCloudException(ErrorCodes.NoteSignatureInvalid, $"a line names key {key.Id:x8}, and its signature does not verify");
            }

            if (lines.Length > 0)
            {
                signers.Add(key);
            }
        }

        return signers.Count > 0
            ? [.. signers]
            : throw new FedCloudException(ErrorCodes.NoteUnsigned, $"none of the {Signatures.Length} signature lines is of a known key");
    }

    /// <summary>The same note with one more line, as a witness or a second log key adds it.</summary>
    public SignedNote With(NoteSignature line) => new(Text, Signatures.Add(line));

    private static NoteSignature ParseLine(string line)
    {
        string[] parts = line.StartsWith(LineMark, StringComparison.Ordinal) ? line[LineMark.Length..].Split(' ') : [];
        return parts.Length == 2 && NoteKey.IsName(parts[0]) && StrictBase64.TryDecode(parts[1], out byte[] bytes) && bytes.Length > KeyIdBytes
            ? new NoteSignature(parts[0], System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes), bytes.AsMemory(KeyIdBytes))
            : throw Malformed("a signature line is not '— name base64'");
    }

    private static string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw new FedCloudException(ErrorCodes.NoteMalformed, "expected UTF-8, found other bytes", cause: error);
        }
    }

    private static FedCloudException Malformed(string found) => new(ErrorCodes.NoteMalformed, found);
}
