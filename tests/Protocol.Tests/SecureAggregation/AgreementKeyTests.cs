// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Security.Cryptography;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class AgreementKeyTests
{
    // NIST SP 800-186, section 3.2.1.3.
    private const string BasePoint = "046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C2964FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5";
    private const string Order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    private const string Prime = "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF";

    [Fact]
    public void FromScalar_One_IsTheBasePoint()
    {
        byte[] one = new byte[32];
        one[31] = 1;
        using AgreementKey key = AgreementKey.FromScalar(one);

        Assert.Equal(Convert.FromHexString(BasePoint), key.Public.Encoded.ToArray());
    }

    [Fact]
    public void FromScalar_OutOfRange_IsRefused()
    {
        byte[] order = Convert.FromHexString(Order);
        byte[] above = [.. order];
        above[31]++;
        byte[] last = [.. order];
        last[31]--;

        Assert.All((byte[][])[new byte[32], order, above, [.. Enumerable.Repeat((byte)0xFF, 32)], new byte[31], [1, .. new byte[32]]], scalar =>
            Assert.Equal(ErrorCodes.AgreementKeyInvalid, Assert.Throws<FedCloudException>(() => AgreementKey.FromScalar(scalar)).Code));
        using AgreementKey key = AgreementKey.FromScalar(last);
        Assert.Equal(Convert.FromHexString(BasePoint)[1..33], key.Public.Encoded[1..33].ToArray()); // -G has G's X
    }

    [Fact]
    public void Generate_FirstDrawOutOfRange_DrawsAgain()
    {
        Queue<byte[]> draws = new([new byte[32], Convert.FromHexString(Order), [.. new byte[31], 1]]);
        using AgreementKey key = AgreementKey.Generate(destination => draws.Dequeue().CopyTo(destination));

        Assert.Equal(Convert.FromHexString(BasePoint), key.Public.Encoded.ToArray());
        Assert.Empty(draws);
    }

    [Fact]
    public void Agree_BothSides_GetTheXCoordinate()
    {
        using AgreementKey left = AgreementKey.Generate(RandomNumberGenerator.Fill);
        using AgreementKey right = AgreementKey.Generate(RandomNumberGenerator.Fill);
        using AgreementKey one = AgreementKey.FromScalar([.. new byte[31], 1]);
        byte[] shared = new byte[32];
        byte[] mirrored = new byte[32];
        left.Agree(right.Public, shared);
        right.Agree(left.Public, mirrored);

        Assert.Equal(shared, mirrored);
        one.Agree(left.Public, shared);
        Assert.Equal(left.Public.Encoded[1..33].ToArray(), shared);
    }

    [Fact]
    public void T05_Point_OffTheCurve_IsRefused()
    {
        for (int at = 1; at < P256Point.EncodedBytes; at += 7)
        {
            byte[] moved = Convert.FromHexString(BasePoint);
            moved[at] ^= 1;

            Assert.Equal(ErrorCodes.AgreementKeyInvalid, Refused(moved));
        }
    }

    [Fact]
    public void T05_Point_Identity_IsRefusedInEveryForm()
    {
        Assert.Equal(ErrorCodes.AgreementKeyInvalid, Refused([0]));
        Assert.Equal(ErrorCodes.AgreementKeyInvalid, Refused(new byte[65]));
        Assert.Equal(ErrorCodes.AgreementKeyInvalid, Refused([4, .. new byte[64]]));
        Assert.Equal(ErrorCodes.AgreementKeyInvalid, Refused([]));
    }

    [Fact]
    public void T05_Point_OtherEncodings_AreRefused()
    {
        byte[] point = Convert.FromHexString(BasePoint);
        BigInteger prime = new(Convert.FromHexString(Prime), isUnsigned: true, isBigEndian: true);

        // A point with a small X, so that X + p still has 32 bytes: the same point in a second form.
        byte[] unreduced = SmallX(prime, out byte[] reduced);

        Assert.Equal(ErrorCodes.AgreementKeyInvalid, Refused([2, .. point[1..33]]));
        Assert.Equal(ErrorCodes.AgreementKeyInvalid, Refused([6, .. point[1..]]));
        Assert.Equal(ErrorCodes.AgreementKeyInvalid, Refused([.. point, 0]));
        Assert.Equal(ErrorCodes.AgreementKeyInvalid, Refused(unreduced));
        Assert.Equal(reduced, P256Point.FromEncoded(reduced).Encoded.ToArray());
    }

    [Fact]
    public void Spki_OfTheLibrary_RoundTripsAndOtherCurvesAreRefused()
    {
        using ECDiffieHellman key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        using ECDiffieHellman other = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP384);
        byte[] spki = key.ExportSubjectPublicKeyInfo();
        byte[] broken = [.. spki];
        broken[^1] ^= 1;
        byte[] otherCurve = [.. spki];
        otherCurve[22] ^= 1; // the last byte of the curve's identifier

        Assert.Equal(spki, P256Point.FromSpki(spki).ToSpki());
        Assert.All((byte[][])[other.ExportSubjectPublicKeyInfo(), broken, otherCurve, spki[..^1], [.. spki, 0], []], der =>
            Assert.Equal(ErrorCodes.AgreementKeyInvalid, Assert.Throws<FedCloudException>(() => P256Point.FromSpki(der)).Code));
    }

    private static ErrorCode Refused(byte[] encoded) => Assert.Throws<FedCloudException>(() => P256Point.FromEncoded(encoded)).Code;

    private static byte[] SmallX(BigInteger prime, out byte[] reduced)
    {
        BigInteger b = new(Convert.FromHexString("5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B"), isUnsigned: true, isBigEndian: true);
        for (BigInteger x = 1; ; x++)
        {
            BigInteger square = ((x * x * x) - (3 * x) + b) % prime;
            BigInteger root = BigInteger.ModPow(square, (prime + 1) / 4, prime); // p = 3 mod 4
            if (root * root % prime == square)
            {
                reduced = [4, .. Coordinate(x), .. Coordinate(root)];
                return [4, .. Coordinate(x + prime), .. Coordinate(root)];
            }
        }
    }

    private static byte[] Coordinate(BigInteger value)
    {
        byte[] bytes = value.ToByteArray(isUnsigned: true, isBigEndian: true);
        return [.. new byte[32 - bytes.Length], .. bytes];
    }
}
