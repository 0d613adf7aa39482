// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using FedCloud.Protocol.SecureAggregation;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class AesCtrKeystreamTests
{
    private static readonly AesPath[] Here = AesCtrKeystream.HasInstructions ? [AesPath.Instructions, AesPath.Library] : [AesPath.Library];

    public static TheoryData<AesPath> Paths { get; } = [.. Here];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Add_Vectors_GiveTheWords(AesPath path)
    {
        foreach (JsonNode? vector in Vectors.Primitives()["prg"]!.AsArray())
        {
            Ring ring = Ring.OfBits(vector!["k"]!.GetValue<int>());
            long start = vector["start_block"]!.GetValue<long>() * 16;
            using AesCtrKeystream stream = new(Vectors.Hex(vector["key"]), path);

            if (start % ring.WordBytes == 0)
            {
                Assert.Equal(Words(vector["first16"]!), Masked(stream, ring, start / ring.WordBytes, 16));
            }

            byte[] bytes = new byte[16 * ring.WordBytes];
            stream.Fill(bytes, start);
            Assert.Equal(Words(vector["first16"]!), Enumerable.Range(0, 16).Select(i => RingWords.Read(ring, bytes, i)));
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void T08_Add_OneSeedBitFlipped_GivesTheOtherStream(AesPath path)
    {
        byte[] key = Vectors.Hex(Vectors.Primitives()["prg"]![0]!["key"]);
        foreach (JsonNode? vector in Vectors.Primitives()["prg_seed_bit_flips"]!.AsArray())
        {
            int bit = vector!["bit"]!.GetValue<int>();
            byte[] flipped = [.. key];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            using AesCtrKeystream stream = new(flipped, path);

            Assert.Equal(Words(vector["first4"]!), Masked(stream, Ring.OfBits(vector["k"]!.GetValue<int>()), 0, 4));
        }
    }

    [Fact]
    public void T08_Add_EachSeedBitFlipped_ChangesTheStream()
    {
        byte[] key = new byte[32];
        HashSet<string> streams = [First(key)];
        for (int bit = 0; bit < 256; bit++)
        {
            byte[] flipped = [.. key];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));

            Assert.True(streams.Add(First(flipped)));
        }

        static string First(byte[] key)
        {
            using AesCtrKeystream stream = new(key);
            byte[] block = new byte[16];
            stream.Fill(block, 0);
            return Convert.ToHexString(block);
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(31)]
    [InlineData(33)]
    public void T08_Keystream_KeyOfAnotherLength_IsRefused(int bytes)
    {
        Assert.Throws<ArgumentException>(() => new AesCtrKeystream(new byte[bytes]));
    }

    [Fact]
    public void Paths_AnyKeyPlaceAndLength_AreEqual()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            byte[] key = new byte[32];
            random.NextBytes(key);
            Ring ring = Ring.OfBits(16 + (8 * random.Next(3)));
            long first = random.NextInt64(random.Next(2) == 0 ? 100 : 1L << 39);
            byte[] words = new byte[ring.WordBytes * random.Next(1, random.Next(2) == 0 ? 40 : 5000)];
            random.NextBytes(words);
            byte[] expected = OneByOne(key, ring, words, first, subtract: false);
            byte[] subtracted = OneByOne(key, ring, words, first, subtract: true);
            return Here.All(path =>
            {
                using AesCtrKeystream stream = new(key, path);
                byte[] sum = [.. words];
                byte[] difference = [.. words];
                stream.Add(ring, sum, first);
                stream.Subtract(ring, difference, first);
                return sum.AsSpan().SequenceEqual(expected) && difference.AsSpan().SequenceEqual(subtracted);
            });
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(150));
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Fill_AnyOffset_IsAPartOfTheWhole(AesPath path)
    {
        byte[] whole = new byte[10_000];
        using AesCtrKeystream stream = new(new byte[32], path);
        stream.Fill(whole, 0);
        foreach ((int offset, int length) in ((int, int)[])[(0, 0), (0, 15), (1, 1), (7, 9), (7, 10), (15, 2), (16, 16), (17, 5000), (3071, 6000), (9999, 1)])
        {
            byte[] part = new byte[length];
            stream.Fill(part, offset);

            Assert.Equal(whole.AsSpan(offset, length).ToArray(), part);
        }
    }

    [Fact]
    public void Combine_BeyondTheLimit_IsRefused()
    {
        using AesCtrKeystream stream = new(new byte[32]);

        stream.Add(Ring.K32, new byte[8], (1L << 40) - 2);
        Assert.Throws<ArgumentException>(() => stream.Add(Ring.K32, new byte[8], (1L << 40) - 1));
        Assert.Throws<ArgumentException>(() => stream.Add(Ring.K24, new byte[8], 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Subtract(Ring.K32, new byte[8], -1));
    }

    // The specification read literally: word by word, from the library's single-block encryption.
    private static byte[] OneByOne(byte[] key, Ring ring, byte[] words, long first, bool subtract)
    {
        using System.Security.Cryptography.Aes aes = System.Security.Cryptography.Aes.Create();
        aes.Key = key;
        byte[] result = [.. words];
        byte[] counter = new byte[16];
        for (int i = 0; i < words.Length / ring.WordBytes; i++)
        {
            ulong word = 0;
            for (int j = 0; j < ring.WordBytes; j++)
            {
                ulong at = ((ulong)(first + i) * (ulong)ring.WordBytes) + (ulong)j;
                System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(counter.AsSpan(8), at / 16);
                word |= (ulong)aes.EncryptEcb(counter, System.Security.Cryptography.PaddingMode.None)[at % 16] << (8 * j);
            }

            ulong sum = RingWords.Read(ring, words, i) + (subtract ? (1UL << ring.Bits) - word : word);
            RingWords.Write(ring, result, i, (long)(sum & ring.Mask));
        }

        return result;
    }

    private static uint[] Words(JsonNode node) => [.. node.AsArray().Select(word => word!.GetValue<uint>())];

    private static uint[] Masked(AesCtrKeystream stream, Ring ring, long first, int count)
    {
        byte[] words = new byte[count * ring.WordBytes];
        stream.Add(ring, words, first);
        return [.. Enumerable.Range(0, count).Select(i => RingWords.Read(ring, words, i))];
    }
}
