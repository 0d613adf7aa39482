// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>An entry's place in a signed tree, in one file that verifies offline (C2SP tlog-proof, version 1).</summary>
public sealed record TlogProof
{
    private const string Header = "c2sp.org/tlog-proof@v1";
    private const string ExtraMark = "extra ";
    private const string IndexMark = "index ";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Data beside the proof, if any. It is not authenticated.</summary>
    public ReadOnlyMemory<byte>? Extra { get; init; }

    /// <summary>The entry's index.</summary>
    public required long Index { get; init; }

    /// <summary>The siblings from the leaf to the root.</summary>
    public required ImmutableArray<MerkleHash> Hashes { get; init; }

    /// <summary>The signed checkpoint.</summary>
    public required SignedNote Note { get; init; }

    /// <summary>Reads a proof; only the one canonical form is taken.</summary>
    /// <exception cref="FedCloudException"><c>proof_malformed</c> or <c>note_malformed</c>.</exception>
    public static TlogProof Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > SignedNote.MaxBytes)
        {
            throw Malformed($"expected at most {SignedNote.MaxBytes} bytes, found {bytes.Length}");
        }

        string text = Decode(bytes);
        int gap = text.IndexOf("\n\n", StringComparison.Ordinal);
        Queue<string> lines = new(gap < 0 ? [] : text[..gap].Split('\n'));
        if (!lines.TryDequeue(out string? header) || !string.Equals(header, Header, StringComparison.Ordinal))
        {
            throw Malformed("expected the header of a tlog-proof of version 1, found another text");
        }

        return new TlogProof
        {
            Extra = ReadExtra(lines),
            Index = ReadIndex(lines),
            Hashes = ReadHashes(lines),
            Note = SignedNote.Parse(StrictUtf8.GetBytes(text[(gap + 2)..])),
        };
    }

    /// <summary>The proof's bytes.</summary>
    public byte[] ToBytes()
    {
        StringBuilder text = new(Header + "\n");
        if (Extra is { } extra)
        {
            text.Append(ExtraMark).Append(Convert.ToBase64String(extra.Span)).Append('\n');
        }

        text.Append(CultureInfo.InvariantCulture, $"{IndexMark}{Index}\n");
        foreach (MerkleHash hash in Hashes)
        {
            text.Append(hash.ToBase64()).Append('\n');
        }

        return [.. StrictUtf8.GetBytes(text.Append('\n').ToString()), .. Note.ToBytes()];
    }

    /// <summary>Checks the checkpoint's signatures and that the entry is in its tree.</summary>
    /// <param name="entry">The entry's bytes.</param>
    /// <param name="known">The keys of the log and of witnesses that the caller trusts.</param>
    /// <returns>The checkpoint, and the keys that signed it: whether they are enough is the caller's rule.</returns>
    /// <exception cref="FedCloudException"><c>note_signature_invalid</c>, <c>note_unsigned</c>, <c>checkpoint_malformed</c> or <c>inclusion_failed</c>.</exception>
    public (Checkpoint Checkpoint, ImmutableArray<NoteKey> Signers) Verify(ReadOnlySpan<byte> entry, IEnumerable<NoteKey> known)
    {
        ImmutableArray<NoteKey> signers = Note.Verify(known);
        Checkpoint checkpoint = Checkpoint.Parse(Note.Text);
        return MerkleProof.VerifyInclusion(MerkleTree.HashLeaf(entry), Index, checkpoint.Size, Hashes, checkpoint.Root)
            ? (checkpoint, signers)
            : throw new FedCloudException(ErrorCodes.InclusionFailed, $"the proof does not lead from entry {Index} to the root of size {checkpoint.Size}");
    }

    private static ReadOnlyMemory<byte>? ReadExtra(Queue<string> lines)
    {
        if (!lines.TryPeek(out string? line) || !line.StartsWith(ExtraMark, StringComparison.Ordinal))
        {
            return null;
        }

        return StrictBase64.TryDecode(lines.Dequeue()[ExtraMark.Length..], out byte[] extra)
            ? extra
            : throw Malformed("expected the extra data as base64, found another text");
    }

    private static long ReadIndex(Queue<string> lines) =>
        lines.TryDequeue(out string? line) && line.StartsWith(IndexMark, StringComparison.Ordinal) && Checkpoint.TryParseNumber(line[IndexMark.Length..], out long index)
            ? index
            : throw Malformed("expected 'index' and a decimal number, found another text");

    private static ImmutableArray<MerkleHash> ReadHashes(Queue<string> lines)
    {
        ImmutableArray<MerkleHash>.Builder hashes = ImmutableArray.CreateBuilder<MerkleHash>();
        while (lines.TryDequeue(out string? line))
        {
            if (hashes.Count == MerkleProof.MaxComponents || !MerkleHash.TryFromBase64(line, out MerkleHash hash))
            {
                throw Malformed($"expected at most {MerkleProof.MaxComponents} lines of base64 of 32 bytes, found another text");
            }

            hashes.Add(hash);
        }

        return hashes.ToImmutable();
    }

    private static string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw new FedCloudException(ErrorCodes.ProofMalformed, "expected UTF-8, found other bytes", cause: error);
        }
    }

    private static FedCloudException Malformed(string found) => new(ErrorCodes.ProofMalformed, found);
}
