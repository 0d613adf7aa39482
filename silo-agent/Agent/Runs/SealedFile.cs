// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;

namespace FedCloud.SiloAgent.Runs;

/// <summary>Files that only the coordinator can read: what a silo uploads.</summary>
public static class SealedFile
{
    /// <summary>Encrypts a round's bytes under a fresh data key into a file.</summary>
    /// <param name="open">Opens the bytes.</param>
    /// <param name="length">How many.</param>
    /// <param name="sha256">Their digest.</param>
    /// <param name="rid">The round.</param>
    /// <param name="idx">The silo's index.</param>
    /// <param name="wrapping">The coordinator's wrapping key.</param>
    /// <param name="path">The file.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public static async Task WriteAsync(
        Func<Stream> open, long length, Sha256Digest sha256, Sha256Digest rid, int idx, KekCurrentBody wrapping, string path, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(wrapping);
        using RSA key = RSA.Create();
        key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(wrapping.Spki), out _);
        try
        {
            await using Stream plaintext = open();
            await using FileStream output = File.Create(path);
            await UpdateEnvelope.EncryptAsync(plaintext, length, sha256, rid, idx, wrapping.Kid, key, output, cancellation);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.DiskFull, "the upload could not be read or its encrypted form not be written", cause: error);
        }
    }

    /// <summary>The claim check of an uploaded file; its length is 0 when the file is not here any more.</summary>
    public static async Task<FrameBlob> ClaimAsync(string role, string container, string name, string path, CancellationToken cancellation)
    {
        if (!File.Exists(path))
        {
            return new FrameBlob { Role = role, Container = container, Name = name, Length = 0, Sha256 = Sha256Digest.Zero };
        }

        await using FileStream file = File.OpenRead(path);
        return new FrameBlob { Role = role, Container = container, Name = name, Length = file.Length, Sha256 = Sha256Digest.FromBytes(await SHA256.HashDataAsync(file, cancellation)) };
    }
}
