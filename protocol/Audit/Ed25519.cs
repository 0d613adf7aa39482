// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Security.Cryptography;

namespace FedCloud.Protocol.Audit;

/// <summary>Verifies Ed25519 signatures (RFC 8032, section 5.1.7) of foreign logs and witnesses. FedCloud's own keys are all P-256.</summary>
/// <remarks>
/// The base library has no Ed25519, so the curve is computed here with <see cref="BigInteger"/>. That takes time that depends
/// on its operands, which is no leak: verification sees public values only. For the same reason there is no signing here.
/// Encodings are read strictly, and the check is the one without cofactor: [S]B = R + [k]A.
/// </remarks>
internal static class Ed25519
{
    public const int KeyBytes = 32;
    public const int SignatureBytes = 64;

    private static readonly BigInteger P = BigInteger.Pow(2, 255) - 19;
    private static readonly BigInteger Order = BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493");
    private static readonly BigInteger D = Mod(-121665 * Inverse(121666));
    private static readonly BigInteger SqrtMinusOne = BigInteger.ModPow(2, (P - 1) / 4, P);

    // RFC 8032, 5.1: the base point has y = 4/5 and an even x.
    private static readonly Point Base = Decode(Encode(Mod(4 * Inverse(5)), odd: false)) ?? throw new InvalidOperationException("the base point is on the curve");

    public static bool Verify(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != SignatureBytes || Decode(key) is not { } a)
        {
            return false;
        }

        BigInteger s = new(signature[32..], isUnsigned: true);
        if (s >= Order)
        {
            return false;
        }

        // k = SHA-512(R ‖ A ‖ M); R is compared as bytes, so its own encoding need not be decoded.
        BigInteger k = new(SHA512.HashData([.. signature[..32], .. key, .. message]), isUnsigned: true);
        Point r = Add(Multiply(s, Base), Multiply(k % Order, new Point(Mod(-a.X), a.Y, a.Z, Mod(-a.T))));
        BigInteger inverse = Inverse(r.Z);
        BigInteger x = Mod(r.X * inverse);
        return Encode(Mod(r.Y * inverse), odd: !x.IsEven).AsSpan().SequenceEqual(signature[..32]);
    }

    // RFC 8032, 5.1.3.
    private static Point? Decode(ReadOnlySpan<byte> encoded)
    {
        if (encoded.Length != KeyBytes)
        {
            return null;
        }

        byte[] bytes = encoded.ToArray();
        bool odd = (bytes[^1] & 0x80) != 0;
        bytes[^1] &= 0x7f;
        BigInteger y = new(bytes, isUnsigned: true);
        BigInteger u = Mod((y * y) - 1);
        BigInteger v = Mod((D * y * y) + 1);
        BigInteger x = BigInteger.ModPow(u * Inverse(v), (P + 3) / 8, P);
        if (Mod(v * x * x) != u)
        {
            x = Mod(x * SqrtMinusOne);
        }

        if (y >= P || Mod(v * x * x) != u || (x.IsZero && odd))
        {
            return null;
        }

        x = x.IsEven == odd ? P - x : x;
        return new Point(x, y, BigInteger.One, Mod(x * y));
    }

    private static byte[] Encode(BigInteger y, bool odd)
    {
        byte[] encoded = new byte[KeyBytes];
        y.TryWriteBytes(encoded, out _, isUnsigned: true);
        encoded[^1] |= odd ? (byte)0x80 : (byte)0;
        return encoded;
    }

    private static Point Multiply(BigInteger scalar, Point point)
    {
        Point sum = new(BigInteger.Zero, BigInteger.One, BigInteger.One, BigInteger.Zero);
        Point power = point;
        for (BigInteger rest = scalar; !rest.IsZero; rest >>= 1)
        {
            sum = rest.IsEven ? sum : Add(sum, power);
            power = Add(power, power);
        }

        return sum;
    }

    // RFC 8032, 5.1.4: complete addition in extended coordinates, x = X/Z, y = Y/Z, x·y = T/Z.
    private static Point Add(Point p, Point q)
    {
        BigInteger a = Mod((p.Y - p.X) * (q.Y - q.X));
        BigInteger b = Mod((p.Y + p.X) * (q.Y + q.X));
        BigInteger c = Mod(2 * D * p.T * q.T);
        BigInteger d = Mod(2 * p.Z * q.Z);
        (BigInteger e, BigInteger f, BigInteger g, BigInteger h) = (b - a, d - c, d + c, b + a);
        return new Point(Mod(e * f), Mod(g * h), Mod(f * g), Mod(e * h));
    }

    private static BigInteger Inverse(BigInteger value) => BigInteger.ModPow(Mod(value), P - 2, P);

    private static BigInteger Mod(BigInteger value)
    {
        BigInteger rest = value % P;
        return rest.Sign < 0 ? rest + P : rest;
    }

    private readonly record struct Point(BigInteger X, BigInteger Y, BigInteger Z, BigInteger T);
}
