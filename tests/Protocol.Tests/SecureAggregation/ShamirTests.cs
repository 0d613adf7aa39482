// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class ShamirTests
{
    [Fact]
    public void Split_Vectors_GiveTheShares()
    {
        foreach (JsonNode? vector in Vectors.Primitives()["shamir"]!.AsArray())
        {
            byte[] coefficients = [.. vector!["coeffs"]!.AsArray().SelectMany(Vectors.Hex)];
            byte[] share = new byte[32];
            foreach ((string idx, JsonNode? expected) in vector["shares"]!.AsObject())
            {
                Shamir.Split(Vectors.Hex(vector["secret"]), coefficients, int.Parse(idx), share);

                Assert.Equal(Vectors.Hex(expected), share);
            }
        }
    }

    [Fact]
    public void Combine_Vectors_GiveTheSecretAndFewerSharesDoNot()
    {
        foreach (JsonNode? vector in Vectors.Primitives()["shamir"]!.AsArray())
        {
            byte[] secret = new byte[32];
            Shamir.Combine(vector!["t"]!.GetValue<int>(), Named(vector, vector["reconstruct_from"]!), secret);

            Assert.Equal(Vectors.Hex(vector["secret"]), secret);
            if (vector["too_few"] is { } few)
            {
                Shamir.Combine(few["from"]!.AsArray().Count, Named(vector, few["from"]!), secret);
                Assert.Equal(Vectors.Hex(few["value_is_not_the_secret"]), secret);
                Assert.NotEqual(Vectors.Hex(vector["secret"]), secret);
            }
        }
    }

    [Fact]
    public void Combine_AnyThresholdOfShares_GivesTheSecret()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            int n = random.Next(3, 256);
            int t = random.Next(2, n + 1);
            byte[] secret = Bytes(random, 32);
            byte[] coefficients = Bytes(random, 32 * (t - 1));
            int[] holders = [.. Enumerable.Range(1, n)];
            random.Shuffle(holders);
            KeyValuePair<int, byte[]>[] shares = [.. holders.Take(t).Select(idx => KeyValuePair.Create(idx, Share(secret, coefficients, idx)))];
            byte[] combined = new byte[32];
            Shamir.Combine(t, shares, combined);
            bool right = combined.AsSpan().SequenceEqual(secret);
            shares[0].Value[random.Next(32)] ^= (byte)random.Next(1, 256);
            Shamir.Combine(t, shares, combined);
            return right && !combined.AsSpan().SequenceEqual(secret);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(40));
    }

    [Fact]
    public void Gf256_Products_AreThoseOfLongDivision()
    {
        for (int a = 0; a < 256; a++)
        {
            for (int b = 0; b < 256; b++)
            {
                Assert.Equal(LongDivision(a, b), Gf256.Multiply((byte)a, (byte)b));
            }

            Assert.Equal(a == 0 ? 0 : 1, Gf256.Multiply((byte)a, Gf256.Inverse((byte)a)));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(256)]
    [InlineData(-1)]
    public void Split_IndexOutsideTheField_IsRefused(int idx)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Shamir.Split(new byte[32], new byte[32], idx, new byte[32]));

        Assert.Equal(ErrorCodes.ShareSetInvalid, error.Code);
    }

    [Fact]
    public void Combine_WrongSets_AreRefused()
    {
        KeyValuePair<int, byte[]> first = KeyValuePair.Create(1, new byte[32]);
        KeyValuePair<int, byte[]> second = KeyValuePair.Create(2, new byte[32]);

        Assert.Equal(ErrorCodes.ShareSetInvalid, Refused(2, first, first));
        Assert.Equal(ErrorCodes.ShareSetInvalid, Refused(2, first, KeyValuePair.Create(0, new byte[32])));
        Assert.Equal(ErrorCodes.ShareSetInvalid, Refused(2, first, KeyValuePair.Create(256, new byte[32])));
        Assert.Equal(ErrorCodes.ShareSetInvalid, Refused(2, first, KeyValuePair.Create(2, new byte[31])));
        Assert.Equal(ErrorCodes.ShareSetInvalid, Refused(1, first, second));
        Assert.Equal(ErrorCodes.SharesTooFew, Refused(3, first, second));
        Assert.Equal(ErrorCodes.ShareSetInvalid, Refused(0));
    }

    private static ErrorCode Refused(int threshold, params KeyValuePair<int, byte[]>[] shares) =>
        Assert.Throws<FedCloudException>(() => Shamir.Combine(threshold, shares, new byte[32])).Code;

    private static KeyValuePair<int, byte[]>[] Named(JsonNode vector, JsonNode names) =>
        [.. names.AsArray().Select(name => KeyValuePair.Create(name!.GetValue<int>(), Vectors.Hex(vector["shares"]![name.ToString()])))];

    private static byte[] Share(byte[] secret, byte[] coefficients, int idx)
    {
        byte[] share = new byte[32];
        Shamir.Split(secret, coefficients, idx, share);
        return share;
    }

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte LongDivision(int a, int b)
    {
        int product = 0;
        for (int bit = 0; bit < 8; bit++)
        {
            product ^= ((b >> bit) & 1) == 1 ? a << bit : 0;
        }

        for (int bit = 14; bit >= 8; bit--)
        {
            product ^= ((product >> bit) & 1) == 1 ? 0x11B << (bit - 8) : 0;
        }

        return (byte)product;
    }
}
