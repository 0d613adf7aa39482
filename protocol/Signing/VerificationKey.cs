// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Signing;

/// <summary>A public ECDSA key on P-256 (FIPS 186-5), known by the SHA-256 of its SubjectPublicKeyInfo.</summary>
#pragma warning disable CA1001 // The imported key is public and lives as long as this object; its handle frees itself.
public sealed class VerificationKey
#pragma warning restore CA1001
{
    // SubjectPublicKeyInfo of id-ecPublicKey on prime256v1 up to the 0x04 of the uncompressed point (RFC 5480).
    private static readonly byte[] SpkiHead = Convert.FromHexString("3059301306072a8648ce3d020106082a8648ce3d030107034200");

    // Imported once: that costs as much as verifying. One thread at a time uses it.
    private readonly ECDsa _key;
    private readonly Lock _gate = new();
    private readonly byte[] _spki;

    private VerificationKey(byte[] spki, ECDsa key)
    {
        _spki = spki;
        _key = key;
        Fingerprint = Sha256Digest.Of(spki);
    }

    /// <summary>The SHA-256 of the DER SubjectPublicKeyInfo; the key id in signatures.</summary>
    public Sha256Digest Fingerprint { get; }

    /// <summary>The DER SubjectPublicKeyInfo, 91 bytes.</summary>
    public ReadOnlySpan<byte> Spki => _spki;

    /// <summary>Reads a DER SubjectPublicKeyInfo; only the one canonical form of an uncompressed point on P-256 is taken.</summary>
    /// <exception cref="FedCloudException"><c>key_malformed</c>.</exception>
    public static VerificationKey FromSpki(ReadOnlySpan<byte> der)
    {
        if (der.Length != SpkiHead.Length + 65 || !der.StartsWith(SpkiHead) || der[SpkiHead.Length] != 0x04)
        {
            throw new FedCloudException(ErrorCodes.KeyMalformed, $"expected 91 bytes of a P-256 public key, found {der.Length} bytes of another form");
        }

        ECParameters parameters = new()
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = der.Slice(SpkiHead.Length + 1, 32).ToArray(), Y = der.Slice(SpkiHead.Length + 33, 32).ToArray() },
        };
        try
        {
            return new VerificationKey(der.ToArray(), ECDsa.Create(parameters)); // refuses a point that is not on the curve
        }
        catch (CryptographicException error)
        {
            throw new FedCloudException(ErrorCodes.KeyMalformed, "expected a point on P-256, found one that is not", cause: error);
        }
    }

    /// <summary>Reads the base64 form of <see cref="FromSpki"/>.</summary>
    /// <exception cref="FedCloudException"><c>key_malformed</c>.</exception>
    public static VerificationKey FromBase64(string text)
    {
        byte[] der = new byte[128];
        return Convert.TryFromBase64String(text, der, out int length)
            ? FromSpki(der.AsSpan(0, length))
            : throw new FedCloudException(ErrorCodes.KeyMalformed, "expected base64 of a P-256 public key, found other text");
    }

    /// <summary>The public half of a private key.</summary>
    public static VerificationKey Of(ECDsa key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return FromSpki(key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>The key in base64.</summary>
    public string ToBase64() => Convert.ToBase64String(_spki);

    /// <summary>The signed-note verifier key (audit-log, section 4): <c>name+hex(key id)+base64(0x02 ‖ SPKI)</c>.</summary>
    /// <param name="name">The signer's name; no plus sign and no white space.</param>
    public string VKey(string name)
    {
        uint id = BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(_spki));
        byte[] typed = [0x02, .. _spki];
        return string.Create(CultureInfo.InvariantCulture, $"{name}+{id:x8}+{Convert.ToBase64String(typed)}");
    }

    /// <summary>Reads the key out of a verifier key, checking its type and key id.</summary>
    /// <exception cref="FedCloudException"><c>key_malformed</c>.</exception>
    public static VerificationKey FromVKey(string vkey)
    {
        string[] parts = vkey.Split('+', 3);
        byte[] typed = new byte[128];
        if (parts.Length == 3 && Convert.TryFromBase64String(parts[2], typed, out int length) && length > 1 && typed[0] == 0x02)
        {
            VerificationKey key = FromSpki(typed.AsSpan(1, length - 1));
            if (string.Equals(key.VKey(parts[0]), vkey, StringComparison.Ordinal))
            {
                return key;
            }
        }

        throw new FedCloudException(ErrorCodes.KeyMalformed, "expected a verifier key 'name+id+key' of type 2, found other text");
    }

    /// <summary>Whether the signature, r‖s of 64 bytes, is this key's over the SHA-256 of the data. Both values of s are accepted.</summary>
    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != 64)
        {
            return false;
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(data, digest);
        lock (_gate)
        {
            return _key.VerifyHash(digest, signature, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
    }
}
