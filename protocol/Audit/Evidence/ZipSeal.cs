// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>The digest of a zip in its own comment: every byte counts, also those that no file's content depends on.</summary>
/// <remarks>
/// The comment is <c>sha256 </c> and 64 hexadecimal digits over everything before the digits. It shows damage and nothing more:
/// what the files say is proved by the log's own signatures. A zip that somebody else packed has no comment, and is read as it is.
/// </remarks>
internal static class ZipSeal
{
    private const string Label = "sha256 ";
    private const int Digits = 2 * SHA256.HashSizeInBytes;

    // PKWARE APPNOTE 4.3.16: the end of central directory record, 22 bytes, whose last two are the comment's length.
    private const int EndBytes = 22;
    private const uint EndSignature = 0x06054b50;

    /// <summary>What to set as the comment before the zip is finished.</summary>
    public static string Placeholder { get; } = Label + new string('0', Digits);

    /// <summary>Writes the digest over the placeholder's zeros.</summary>
    /// <param name="zip">The finished zip; it can be read and written anywhere.</param>
    public static void Write(Stream zip)
    {
        byte[] digits = DigitsOf(zip);
        zip.Position = zip.Length - Digits;
        zip.Write(digits);
    }

    /// <summary>Checks the end of a zip, and its digest where it has one.</summary>
    /// <exception cref="Errors.FedCloudException"><c>evidence_unusable</c>.</exception>
    public static void Require(Stream zip)
    {
        if (CommentOf(zip) is not { } comment)
        {
            throw EvidenceInventory.Unusable("expected a zip, found a file that is none or is damaged");
        }

        if (comment.Length == 0)
        {
            return;
        }

        bool sealedHere = comment.Length == Label.Length + Digits && comment.StartsWith(Label, StringComparison.Ordinal);
        if (!sealedHere || !string.Equals(comment[Label.Length..], Encoding.ASCII.GetString(DigitsOf(zip)), StringComparison.Ordinal))
        {
            throw EvidenceInventory.Unusable("the zip is not as it was written: its bytes do not give the digest in its comment");
        }
    }

    // The record must end with the file: whatever comes after it belongs to nobody.
    private static string? CommentOf(Stream zip)
    {
        foreach (int length in (int[])[0, Label.Length + Digits])
        {
            byte[] end = new byte[EndBytes + length];
            if (zip.Length >= end.Length)
            {
                zip.Position = zip.Length - end.Length;
                zip.ReadExactly(end);
                if (BinaryPrimitives.ReadUInt32LittleEndian(end) == EndSignature && BinaryPrimitives.ReadUInt16LittleEndian(end.AsSpan(EndBytes - 2)) == length)
                {
                    return Encoding.Latin1.GetString(end, EndBytes, length);
                }
            }
        }

        return null;
    }

    private static byte[] DigitsOf(Stream zip)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 16];
        zip.Position = 0;
        for (long left = zip.Length - Digits; left > 0;)
        {
            int read = zip.ReadAtLeast(buffer.AsSpan(0, (int)Math.Min(left, buffer.Length)), 1);
            hash.AppendData(buffer, 0, read);
            left -= read;
        }

        return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
