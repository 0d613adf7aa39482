// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Protocol.Tests.Envelopes;

public sealed class UpdateEnvelopeTests
{
    private static readonly RSA Key = RSA.Create(3072);
    private static readonly Sha256Digest Rid = Sha256Digest.Of("round"u8);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1 << 20)]
    [InlineData((1 << 20) + 1)]
    [InlineData((5 << 20) / 2)]
    public async Task Envelope_AnyLength_RoundTrips(int length)
    {
        byte[] plaintext = Plaintext(length);

        byte[] envelope = await SealAsync(plaintext);

        Assert.Equal(plaintext, await OpenAsync(envelope, plaintext));
    }

    [Fact]
    public async Task T13_Envelope_AnyByteChanged_IsRefused()
    {
        byte[] plaintext = Plaintext(100);
        byte[] envelope = await SealAsync(plaintext);

        for (int i = 0; i < envelope.Length; i++)
        {
            byte[] changed = [.. envelope];
            changed[i] ^= 1;
            await Assert.ThrowsAsync<FedCloudException>(() => OpenAsync(changed, plaintext));
        }
    }

    [Fact]
    public async Task Envelope_TruncatedOrLonger_IsRefused()
    {
        byte[] plaintext = Plaintext((1 << 20) + 100);
        byte[] envelope = await SealAsync(plaintext);

        foreach (int length in (int[])[0, 3, 10, envelope.Length / 2, envelope.Length - 116, envelope.Length - 1])
        {
            FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => OpenAsync(envelope[..length], plaintext));
            Assert.Equal(ErrorCodes.EnvelopeLength, error.Code);
        }

        Assert.Equal(ErrorCodes.EnvelopeLength, (await Assert.ThrowsAsync<FedCloudException>(() => OpenAsync([.. envelope, 0], plaintext))).Code);
    }

    [Fact]
    public async Task Envelope_ForAnotherRoundSiloOrUpdate_IsRefused()
    {
        byte[] plaintext = Plaintext(10);
        byte[] envelope = await SealAsync(plaintext);
        ExpectedEnvelope right = new(Rid, 1, 10, Sha256Digest.Of(plaintext));

        foreach (ExpectedEnvelope wrong in (ExpectedEnvelope[])[right with { Rid = Sha256Digest.Zero }, right with { Idx = 2 }, right with { Length = 11 }, right with { PlaintextSha256 = Sha256Digest.Zero }])
        {
            await Assert.ThrowsAsync<FedCloudException>(() => OpenAsync(envelope, plaintext, wrong));
        }
    }

    [Fact]
    public async Task Envelope_OfWhatNothingAnnounced_HasItsOwnLengthAndDigestWithinABound()
    {
        byte[] plaintext = Plaintext(10);
        byte[] envelope = await SealAsync(plaintext);
        ExpectedEnvelope bounded = new(Rid, 1, 10, PlaintextSha256: null);

        Assert.Equal(plaintext, await OpenAsync(envelope, plaintext, bounded with { Length = 11 }));
        Assert.Equal(plaintext, await OpenAsync(envelope, plaintext, bounded));

        Assert.Equal(ErrorCodes.EnvelopeLength, (await Assert.ThrowsAsync<FedCloudException>(() => OpenAsync(envelope, plaintext, bounded with { Length = 9 }))).Code);
        Assert.Equal(ErrorCodes.EnvelopeMalformed, (await Assert.ThrowsAsync<FedCloudException>(() => OpenAsync(envelope, plaintext, bounded with { Idx = 2 }))).Code);
        byte[] tampered = [.. envelope[..^1], (byte)(envelope[^1] ^ 1)];
        Assert.Equal(ErrorCodes.EnvelopeTampered, (await Assert.ThrowsAsync<FedCloudException>(() => OpenAsync(tampered, plaintext, bounded))).Code);
    }

    [Fact]
    public async Task Envelope_ChunksSwapped_IsRefused()
    {
        byte[] plaintext = Plaintext(3 << 20);
        byte[] envelope = await SealAsync(plaintext);
        int chunk = UpdateEnvelope.ChunkBytes + UpdateEnvelope.TagBytes;
        int start = envelope.Length - (3 * chunk);
        byte[] swapped = [.. envelope[..start], .. envelope[(start + chunk)..(start + (2 * chunk))], .. envelope[start..(start + chunk)], .. envelope[(start + (2 * chunk))..]];

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => OpenAsync(swapped, plaintext));

        Assert.Equal(ErrorCodes.EnvelopeTampered, error.Code);
    }

    private static byte[] Plaintext(int length)
    {
        byte[] plaintext = new byte[length];
        new Random(length).NextBytes(plaintext);
        return plaintext;
    }

    private static async Task<byte[]> SealAsync(byte[] plaintext)
    {
        using MemoryStream output = new();
        await UpdateEnvelope.EncryptAsync(new MemoryStream(plaintext), plaintext.Length, Sha256Digest.Of(plaintext), Rid, 1, "file:kek/0001", Key, output, CancellationToken.None);
        return output.ToArray();
    }

    private static async Task<byte[]> OpenAsync(byte[] envelope, byte[] plaintext, ExpectedEnvelope? expected = null)
    {
        using UpdateEnvelopeReader reader = await UpdateEnvelopeReader.OpenAsync(
            new MemoryStream(envelope),
            expected ?? new ExpectedEnvelope(Rid, 1, plaintext.Length, Sha256Digest.Of(plaintext)),
            new EnvelopeBuffers(),
            Unwrap,
            CancellationToken.None);
        using MemoryStream output = new();
        while (await reader.ReadChunkAsync(CancellationToken.None) > 0)
        {
            output.Write(reader.Chunk.Span);
        }

        return output.ToArray();
    }

    private static Task<byte[]> Unwrap(string kid, byte[] wrapped, CancellationToken cancellation)
    {
        try
        {
            return string.Equals(kid, "file:kek/0001", StringComparison.Ordinal)
                ? Task.FromResult(Key.Decrypt(wrapped, RSAEncryptionPadding.OaepSHA256))
                : throw new FedCloudException(ErrorCodes.KeyRetired, "another version");
        }
        catch (CryptographicException error)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeTampered, "does not unwrap", cause: error);
        }
    }
}
