// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>The SHA-256 of a file that a budget is about: a training file, or a noised update.</summary>
internal static class FileDigest
{
    /// <summary>Reads the file.</summary>
    /// <exception cref="FedCloudException"><c>file_missing</c>.</exception>
    public static async Task<Sha256Digest> OfAsync(string path, CancellationToken cancellation)
    {
        try
        {
            await using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.Asynchronous | FileOptions.SequentialScan);
            return Sha256Digest.FromBytes(await SHA256.HashDataAsync(file, cancellation));
        }
        catch (IOException error)
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"{Path.GetFileName(path)} cannot be read", cause: error);
        }
    }
}
