// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>The salt of a ledger: 32 random bytes that never leave the silo, fixed for the ledger's life (rule L3).</summary>
internal static class LedgerSalt
{
    private const int Bytes = 32;

    /// <summary>A fresh salt on disk, mode 0600.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public static void Make(LedgerPaths paths) => PrivateFile.WriteIfAbsent(paths.Salt, RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>What other parties see of a data set: SHA-256(salt ‖ name).</summary>
    /// <exception cref="FedCloudException"><c>ledger_missing</c>, <c>key_file_permissions</c>.</exception>
    public static Sha256Digest Commitment(LedgerPaths paths)
    {
        byte[] salt = File.Exists(paths.Salt) ? PrivateFile.Read(paths.Salt) : [];
        return salt.Length == Bytes
            ? Sha256Digest.Of([.. salt, .. Encoding.UTF8.GetBytes(paths.Name)])
            : throw new FedCloudException(ErrorCodes.LedgerMissing, $"the ledger {paths.Name} has no salt of {Bytes} bytes ({Path.GetFileName(paths.Salt)})");
    }
}
