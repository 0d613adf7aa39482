// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>A ledger's file, read and verified as a whole.</summary>
/// <param name="State">The state after the last entry.</param>
/// <param name="Entries">The entries, oldest first.</param>
/// <param name="Length">The bytes that the entries take.</param>
/// <param name="TornBytes">The bytes behind them: a line that a crash left half written, which never counted.</param>
public sealed record LedgerReading(LedgerState State, ImmutableArray<LedgerEntry> Entries, long Length, long TornBytes)
{
    /// <summary>Reads a ledger that another process may be writing. Nothing is changed.</summary>
    /// <exception cref="FedCloudException"><c>ledger_broken</c>, <c>ledger_missing</c>, <c>key_file_permissions</c>.</exception>
    public static LedgerReading Read(LedgerPaths paths)
    {
        ArgumentNullException.ThrowIfNull(paths);

        // The head first: entries that are added meanwhile only put the file further ahead.
        LedgerHead head = LedgerHead.Read(paths);
        Sha256Digest commitment = LedgerSalt.Commitment(paths);
        try
        {
            using FileStream file = new(paths.Entries, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return Read(file, paths.Name, commitment, head);
        }
        catch (FileNotFoundException error)
        {
            throw new FedCloudException(ErrorCodes.LedgerMissing, $"the ledger {paths.Name} has lost {Path.GetFileName(paths.Entries)}", cause: error);
        }
    }

    /// <summary>Reads and verifies an open file from its beginning.</summary>
    internal static LedgerReading Read(FileStream file, string name, Sha256Digest commitment, LedgerHead head)
    {
        byte[] all = new byte[file.Length];
        int length = file.ReadAtLeast(all, all.Length, throwOnEndOfStream: false);
        ReadOnlySpan<byte> rest = all.AsSpan(0, length);
        LedgerState state = LedgerState.Empty(commitment);
        ImmutableArray<LedgerEntry>.Builder entries = ImmutableArray.CreateBuilder<LedgerEntry>();
        bool isHeadSeen = head == LedgerHead.Of(state);
        long start = 0;
        while (rest.IndexOf((byte)'\n') is var end && end >= 0)
        {
            LedgerEntry? entry = Parse(rest[..end], name, state.Seq + 1, mayBeTorn: end == rest.Length - 1);
            if (entry is null)
            {
                break;
            }

            state = Apply(state, entry, name);
            entries.Add(entry);
            isHeadSeen |= head == LedgerHead.Of(state);
            start += end + 1;
            rest = rest[(end + 1)..];
        }

        // A last line that counted once is not torn but damaged: then the head is not reached.
        return isHeadSeen
            ? new LedgerReading(state, entries.ToImmutable(), start, length - start)
            : throw new FedCloudException(ErrorCodes.LedgerBroken, $"the ledger {name} ends at entry {state.Seq} or has another entry {head.Seq} than it had");
    }

    private static LedgerEntry? Parse(ReadOnlySpan<byte> line, string name, long seq, bool mayBeTorn)
    {
        try
        {
            return LedgerEntry.Parse(line);
        }
        catch (FedCloudException) when (mayBeTorn)
        {
            return null;
        }
        catch (FedCloudException error)
        {
            throw Broken(name, seq, error);
        }
    }

    private static LedgerState Apply(LedgerState state, LedgerEntry entry, string name)
    {
        try
        {
            return state.Apply(entry);
        }
        catch (FedCloudException error)
        {
            throw Broken(name, state.Seq + 1, error);
        }
    }

    private static FedCloudException Broken(string name, long line, FedCloudException error) =>
        new(ErrorCodes.LedgerBroken, $"line {line} of the ledger {name} does not verify: {error.Found}", cause: error);
}
