// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit;

/// <summary>The two forms of an ECDSA P-256 signature: r‖s of 64 bytes (IEEE P1363), as key vaults give it, and ASN.1 DER, as notes hold it.</summary>
public static class EcdsaDer
{
    private const int ScalarBytes = 32;
    private const byte SequenceTag = 0x30;
    private const byte IntegerTag = 0x02;

    /// <summary>Writes r‖s as DER: SEQUENCE { INTEGER r, INTEGER s }, each integer minimal and with a zero byte in front where its top bit is set.</summary>
    public static byte[] FromP1363(ReadOnlySpan<byte> signature)
    {
        if (signature.Length != 2 * ScalarBytes)
        {
            throw new ArgumentException("r and s have 32 bytes each", nameof(signature));
        }

        byte[] r = Integer(signature[..ScalarBytes]);
        byte[] s = Integer(signature[ScalarBytes..]);
        return [SequenceTag, (byte)(r.Length + s.Length), .. r, .. s];
    }

    /// <summary>Reads DER strictly: minimal lengths and integers, no bytes left over, both integers positive and at most 256 bits.</summary>
    /// <returns>False when the bytes are another form, even of a valid signature.</returns>
    public static bool TryToP1363(ReadOnlySpan<byte> der, out byte[] signature)
    {
        signature = new byte[2 * ScalarBytes];

        // Two integers of at most 33 bytes need 70 bytes, so every length is one byte below 0x80.
        if (der.Length < 2 || der[0] != SequenceTag || der[1] != der.Length - 2)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = der[2..];
        return TryReadInteger(ref rest, signature.AsSpan(0, ScalarBytes))
            && TryReadInteger(ref rest, signature.AsSpan(ScalarBytes))
            && rest.IsEmpty;
    }

    private static byte[] Integer(ReadOnlySpan<byte> scalar)
    {
        ReadOnlySpan<byte> value = scalar.TrimStart((byte)0);
        byte[] sign = value.IsEmpty || value[0] >= 0x80 ? [0] : [];
        return [IntegerTag, (byte)(sign.Length + value.Length), .. sign, .. value];
    }

    private static bool TryReadInteger(ref ReadOnlySpan<byte> rest, Span<byte> scalar)
    {
        if (rest.Length < 3 || rest[0] != IntegerTag || rest[1] is < 1 or > ScalarBytes + 1 || rest.Length < 2 + rest[1])
        {
            return false;
        }

        ReadOnlySpan<byte> value = rest.Slice(2, rest[1]);
        rest = rest[(2 + value.Length)..];
        bool negative = value[0] >= 0x80;
        bool padded = value.Length > 1 && value[0] == 0 && value[1] < 0x80;
        ReadOnlySpan<byte> magnitude = value.TrimStart((byte)0);
        if (negative || padded || magnitude.IsEmpty || magnitude.Length > ScalarBytes)
        {
            return false;
        }

        magnitude.CopyTo(scalar[(ScalarBytes - magnitude.Length)..]);
        return true;
    }
}
