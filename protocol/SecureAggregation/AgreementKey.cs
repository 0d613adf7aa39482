// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A private key for ECDH on P-256 (NIST SP 800-56A, section 5.7.1.2).</summary>
/// <remarks>The scalar lies in memory until <see cref="Dispose"/> and is zeroed then. It is 32 bytes, big-endian, from 1 to the order less 1.</remarks>
public sealed class AgreementKey : IDisposable
{
    // The group's order (NIST SP 800-186, section 3.2.1.3).
    private static readonly byte[] Order = Convert.FromHexString("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");

    private readonly SecretBytes _scalar;

    private AgreementKey(SecretBytes scalar, P256Point publicKey)
    {
        _scalar = scalar;
        Public = publicKey;
    }

    /// <summary>The public key.</summary>
    public P256Point Public { get; }

    /// <summary>Whether the scalar is gone.</summary>
    public bool IsErased => _scalar.IsErased;

    /// <summary>Makes a key by drawing scalars until one is in range (FIPS 186-5, appendix A.2.2); one in 2^32 is not.</summary>
    public static AgreementKey Generate(RandomFill random)
    {
        ArgumentNullException.ThrowIfNull(random);
        SecretBytes scalar = new(Fcsa1.KeyBytes);
        do
        {
            random(scalar.Span);
        }
        while (!InRange(scalar.Span));

        return new AgreementKey(scalar, PublicOf(scalar.Span));
    }

    /// <summary>Takes a scalar; the caller zeroes its own copy.</summary>
    /// <exception cref="FedCloudException"><c>agreement_key_invalid</c>: not 32 bytes, zero, or not below the order.</exception>
    public static AgreementKey FromScalar(ReadOnlySpan<byte> scalar)
    {
        if (!IsScalar(scalar))
        {
            throw new FedCloudException(ErrorCodes.AgreementKeyInvalid, "expected 32 bytes of a scalar from 1 to the group's order less 1, found another value");
        }

        return new AgreementKey(new SecretBytes(scalar), PublicOf(scalar));
    }

    /// <summary>The raw shared secret: the X coordinate of the product.</summary>
    /// <param name="peer">The other side's public key.</param>
    /// <param name="shared">Receives 32 bytes; the caller zeroes them after use.</param>
    public void Agree(P256Point peer, Span<byte> shared)
    {
        ArgumentNullException.ThrowIfNull(peer);
        using ECDiffieHellman own = Import(_scalar.Span, Public);
        using ECDiffieHellman other = ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = PointOf(peer) });
        using ECDiffieHellmanPublicKey otherKey = other.PublicKey;
        byte[] secret = own.DeriveRawSecretAgreement(otherKey);
        secret.CopyTo(shared);
        CryptographicOperations.ZeroMemory(secret);
    }

    /// <summary>Copies the scalar, for storage encrypted at rest.</summary>
    /// <param name="destination">Receives 32 bytes; the caller zeroes them after use.</param>
    public void CopyScalarTo(Span<byte> destination) => _scalar.Span.CopyTo(destination);

    /// <summary>Zeroes the scalar.</summary>
    public void Dispose() => _scalar.Dispose();

    internal static bool IsScalar(ReadOnlySpan<byte> scalar) => scalar.Length == Fcsa1.KeyBytes && InRange(scalar);

    private static P256Point PublicOf(ReadOnlySpan<byte> scalar)
    {
        using ECDiffieHellman key = Import(scalar, publicKey: null);
        ECPoint q = key.ExportParameters(includePrivateParameters: false).Q;
        return P256Point.FromEncoded([0x04, .. q.X ?? [], .. q.Y ?? []]);
    }

    private static ECDiffieHellman Import(ReadOnlySpan<byte> scalar, P256Point? publicKey)
    {
        byte[] d = GC.AllocateArray<byte>(Fcsa1.KeyBytes, pinned: true);
        scalar.CopyTo(d);
        try
        {
            return ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = d, Q = publicKey is null ? default : PointOf(publicKey) });
        }
        finally
        {
            CryptographicOperations.ZeroMemory(d);
        }
    }

    private static ECPoint PointOf(P256Point point) => new() { X = point.Encoded[1..33].ToArray(), Y = point.Encoded[33..65].ToArray() };

    // Zero and everything from the order on are out of range. The subtraction visits every byte, whatever the value.
    private static bool InRange(ReadOnlySpan<byte> scalar)
    {
        int borrow = 0;
        int any = 0;
        for (int i = Fcsa1.KeyBytes - 1; i >= 0; i--)
        {
            borrow = ((scalar[i] - Order[i] - borrow) >> 8) & 1;
            any |= scalar[i];
        }

        return (borrow & ((any + 0xFF) >> 8)) == 1;
    }
}
