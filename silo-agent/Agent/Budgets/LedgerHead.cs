// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>The number and the hash of a ledger's last entry, in a file beside it.</summary>
/// <remarks>
/// A chain of hashes does not speak of its own last line. With this file a cut or changed last line is told from one that a crash left
/// half written: what the head names did count once. It is written after the entry, so it may be one append behind.
/// </remarks>
/// <param name="Seq">The number; 0 for none.</param>
/// <param name="Hash">The hash; 64 zeros for none.</param>
internal readonly record struct LedgerHead(long Seq, Sha256Digest Hash)
{
    /// <summary>The head of a state.</summary>
    public static LedgerHead Of(LedgerState state) => new(state.Seq, state.Head);

    /// <summary>Reads the file.</summary>
    /// <exception cref="FedCloudException"><c>ledger_missing</c> or <c>ledger_broken</c>.</exception>
    public static LedgerHead Read(LedgerPaths paths)
    {
        if (!File.Exists(paths.Head))
        {
            throw new FedCloudException(ErrorCodes.LedgerMissing, $"the ledger {paths.Name} has lost {Path.GetFileName(paths.Head)}");
        }

        string[] parts = File.ReadAllText(paths.Head).TrimEnd('\n').Split(' ');
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long seq) && Sha256Digest.IsValid(parts[1])
            ? new LedgerHead(seq, new Sha256Digest(parts[1]))
            : throw new FedCloudException(ErrorCodes.LedgerBroken, $"{Path.GetFileName(paths.Head)} is not a number and a hash");
    }

    /// <summary>Writes the file, whole or not at all.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void Write(LedgerPaths paths) =>
        PrivateFile.Write(paths.Head, System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Seq} {Hash.Hex}\n")));
}
