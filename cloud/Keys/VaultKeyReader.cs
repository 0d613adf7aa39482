// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using Azure.Security.KeyVault.Keys;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Keys;

/// <summary>Public keys as a vault gives them.</summary>
internal static class VaultKeyReader
{
    private const int CoordinateBytes = 32;
    private const int ModulusBytes = 384;

    /// <summary>What a key is for, and its public key.</summary>
    /// <exception cref="FedCloudException"><c>key_unusable</c>: it is neither on P-256 nor RSA-3072.</exception>
    public static (KeyKind Kind, byte[] Spki) Read(JsonWebKey key, string kid)
    {
        try
        {
            if ((key.KeyType == KeyType.Ec || key.KeyType == KeyType.EcHsm) && key.CurveName == KeyCurveName.P256)
            {
                using ECDsa point = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = Padded(key.X), Y = Padded(key.Y) } });
                return (KeyKind.EcP256, point.ExportSubjectPublicKeyInfo());
            }

            if ((key.KeyType == KeyType.Rsa || key.KeyType == KeyType.RsaHsm) && key.N is { Length: ModulusBytes })
            {
                using RSA modulus = RSA.Create(new RSAParameters { Modulus = key.N, Exponent = key.E });
                return (KeyKind.Rsa3072, modulus.ExportSubjectPublicKeyInfo());
            }
        }
        catch (CryptographicException error)
        {
            throw new FedCloudException(ErrorCodes.KeyUnusable, $"{kid}: expected a public key, found other numbers", cause: error);
        }

        throw new FedCloudException(ErrorCodes.KeyUnusable, $"{kid}: expected a P-256 or RSA-3072 key, found another");
    }

    // A coordinate whose first bytes are zero may come without them.
    private static byte[] Padded(byte[]? coordinate)
    {
        byte[] padded = new byte[CoordinateBytes];
        coordinate.AsSpan().CopyTo(padded.AsSpan(CoordinateBytes - Math.Min(CoordinateBytes, coordinate?.Length ?? 0)));
        return padded;
    }
}
