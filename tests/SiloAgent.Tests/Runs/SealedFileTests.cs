// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.SiloAgent.Runs;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Runs;

/// <summary>What a silo encrypts to upload.</summary>
public sealed class SealedFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    private string Plain => Path.Combine(_folder.FullName, "update.safetensors");

    private string Sealed => Path.Combine(_folder.FullName, "update.envelope");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Write_FileThatSomebodyHolds_IsTroubleOfTheMachine()
    {
        await File.WriteAllBytesAsync(Plain, [1, 2, 3]);
        await using FileStream holder = new(Plain, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => WriteAsync());

        Assert.Equal(ErrorCodes.DiskFull, error.Code);
        Assert.True(ErrorCodes.IsOperational(error.Code));
    }

    [Fact]
    public async Task Claim_NamesLengthAndDigest_OfAMissingFileNothing()
    {
        Assert.Equal((0L, Sha256Digest.Zero), await ClaimAsync());

        await File.WriteAllBytesAsync(Plain, [1, 2, 3]);
        await WriteAsync();

        byte[] bytes = await File.ReadAllBytesAsync(Sealed);
        Assert.Equal((bytes.LongLength, Sha256Digest.Of(bytes)), await ClaimAsync());
    }

    private async Task<(long, Sha256Digest)> ClaimAsync()
    {
        FrameBlob claim = await SealedFile.ClaimAsync("update", "up-silo", "a0", Sealed, CancellationToken.None);
        return (claim.Length, claim.Sha256);
    }

    private async Task WriteAsync()
    {
        using RSA key = RSA.Create(3072);
        KekCurrentBody wrapping = new() { Type = EnrolmentBody.KekCurrent, Federation = new("test-federation"), Kid = "file:kek/0001-00000000", Spki = Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()) };
        await SealedFile.WriteAsync(() => File.OpenRead(Plain), 3, Sha256Digest.Of([1, 2, 3]), Sha256Digest.Of([9]), 1, wrapping, Sealed, CancellationToken.None);
    }
}
