// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Api;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Audit;

/// <summary>Opens what a person names on the command line.</summary>
internal static class EvidenceFiles
{
    /// <summary>A folder, or a zip of one.</summary>
    public static IEvidenceSource Open(string path)
    {
        if (Directory.Exists(path))
        {
            return new DirectoryEvidence(path);
        }

        FileStream file = OpenFile(path);
        try
        {
            return ZipEvidence.Open(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens evidence: a zip or folder, or, without a path, what the coordinator that the environment names has now.</summary>
    public static async Task<IEvidenceSource> OpenAsync(string? path, CancellationToken cancellation)
    {
        if (path is not null)
        {
            return Open(path);
        }

        using CoordinatorClient client = CoordinatorClient.FromEnvironment();
        string copy = Path.GetTempFileName();
        try
        {
            await client.EvidenceAsync(copy, sums: false, recipient: null, cancellation);

            // Gone when it is closed.
            return ZipEvidence.Open(new FileStream(copy, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.DeleteOnClose));
        }
        catch
        {
            File.Delete(copy);
            throw;
        }
    }

    /// <summary>Verifies evidence in full; sums lie in a temporary folder while they are recomputed.</summary>
    public static async Task<VerificationReport> VerifyAsync(IEvidenceSource source, AuditPolicy? policy, CancellationToken cancellation)
    {
        DirectoryInfo scratch = Directory.CreateTempSubdirectory("fedcloud-audit-");
        try
        {
            return await EvidenceVerifier.VerifyAsync(source, policy, scratch: scratch.FullName, cancellation: cancellation);
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    /// <summary>The bytes of a file of at most that length.</summary>
    public static byte[] Read(string path, int maxBytes)
    {
        using FileStream file = OpenFile(path);
        if (file.Length > maxBytes)
        {
            throw new FedCloudException(ErrorCodes.EvidenceUnusable, $"{Path.GetFileName(path)}: expected at most {maxBytes} bytes, found {file.Length}");
        }

        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    private static FileStream OpenFile(string path)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"expected a file that can be read, found none at {path}", cause: error);
        }
    }
}
