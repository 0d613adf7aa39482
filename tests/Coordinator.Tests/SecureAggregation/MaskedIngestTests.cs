// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using Xunit;

namespace FedCloud.Coordinator.Tests.SecureAggregation;

public sealed class MaskedIngestTests
{
    private static readonly BlobName Destination = new("rounds", "vector");

    [Fact]
    public async Task Run_Upload_BecomesItsVectorAsOftenAsItIsDone()
    {
        using SecureRound round = new(4, 24, 700_003, [1, 2, 3]); // three chunks
        await round.UploadAsync(2);
        await round.Store.EnsureContainerAsync("rounds", default);

        await round.Ingest.RunAsync(SecureRound.Upload(2), round.Expected(2), Destination, default);
        Assert.Equal(round.Round.Vectors[2], round.Read(Destination));
        await round.Ingest.RunAsync(SecureRound.Upload(2), round.Expected(2), Destination, default);
        Assert.Equal(round.Round.Vectors[2], round.Read(Destination));
    }

    [Fact]
    public async Task Run_AnotherVectorAtItsPlace_IsNotOverwritten()
    {
        using SecureRound round = new(4, 32, 50, [1, 2, 3]);
        await round.UploadAsync(2);
        await round.PutAsync(Destination, [1, 2, 3]);

        Assert.Equal(ErrorCodes.StorageFailed, await RefusalAsync(round, round.Expected(2)));
        Assert.Equal([1, 2, 3], round.Read(Destination));
    }

    [Fact]
    public async Task T19_Run_AnotherRoundSiloLengthOrDigestThanAnnounced_IsRefused()
    {
        using SecureRound round = new(4, 32, 50, [1, 2, 3]);
        ExpectedEnvelope expected = round.Expected(2);
        Assert.Equal(ErrorCodes.ContainerMissing, await RefusalAsync(round, expected));
        await round.UploadAsync(2);
        await round.UploadAsync(3);

        Assert.Equal(ErrorCodes.EnvelopeMalformed, await RefusalAsync(round, expected with { Rid = Sha256Digest.Zero }));
        Assert.Equal(ErrorCodes.EnvelopeMalformed, await RefusalAsync(round, expected with { Idx = 3 }));
        Assert.Equal(ErrorCodes.EnvelopeMalformed, await RefusalAsync(round, expected with { PlaintextSha256 = Sha256Digest.Zero }));
        Assert.Equal(ErrorCodes.EnvelopeLength, await RefusalAsync(round, expected with { Length = expected.Length + 4 }));
        Assert.Equal(ErrorCodes.EnvelopeLength, await RefusalAsync(round, expected with { Length = 0 }));
        Assert.Equal(ErrorCodes.EnvelopeMalformed, await RefusalAsync(round, expected, SecureRound.Upload(3)));
        Assert.Equal(ErrorCodes.UpdateMissing, await RefusalAsync(round, expected, new BlobName("up-silo-2", "run-1/r000001/a1")));
        Assert.Null(await round.Store.OpenReadAsync(Destination, 0, null, default));
    }

    [Fact]
    public async Task T19_Run_EnvelopeThatWasChangedOrCut_IsRefusedAndLeavesNothing()
    {
        (Func<byte[], byte[]> Change, ErrorCode Code)[] faults =
        [
            (bytes => bytes[..^1], ErrorCodes.EnvelopeLength),
            (bytes => bytes[..100], ErrorCodes.EnvelopeLength),
            (bytes => [.. bytes, 0], ErrorCodes.EnvelopeLength),
            (bytes => [.. bytes, .. new byte[UpdateEnvelope.MaxHeaderBytes]], ErrorCodes.EnvelopeLength),
            (bytes => [.. bytes[..^20], (byte)(bytes[^20] ^ 1), .. bytes[^19..]], ErrorCodes.EnvelopeTampered),
        ];
        foreach ((Func<byte[], byte[]> change, ErrorCode code) in faults)
        {
            using SecureRound round = new(4, 32, 50, [1, 2, 3]);
            await round.UploadAsync(2, change);

            Assert.Equal(code, await RefusalAsync(round, round.Expected(2)));
            Assert.Null(await round.Store.OpenReadAsync(Destination, 0, null, default));
        }
    }

    [Fact]
    public async Task T19_Run_ContentOfAnotherDigestThanItsHeader_IsRefused()
    {
        using SecureRound round = new(4, 32, 50, [1, 2, 3]);
        round.Round.Vectors[2][7] ^= 1; // the announcement still has the digest of the vector before
        await round.UploadAsync(2);

        Assert.Equal(ErrorCodes.EnvelopeTampered, await RefusalAsync(round, round.Expected(2)));
        Assert.Null(await round.Store.OpenReadAsync(Destination, 0, null, default));
    }

    private static async Task<ErrorCode> RefusalAsync(SecureRound round, ExpectedEnvelope expected, BlobName? upload = null)
    {
        await round.Store.EnsureContainerAsync("rounds", default);
        return (await Assert.ThrowsAsync<FedCloudException>(() => round.Ingest.RunAsync(upload ?? SecureRound.Upload(2), expected, Destination, default))).Code;
    }
}
