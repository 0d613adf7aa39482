// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>The one writer of a ledger's file: append-only, an entry a line, flushed to disk before an entry counts (rule L5).</summary>
/// <remarks>
/// The lock is on a file of its own, so that the ledger can be read meanwhile. Where a file system has no locks (some network folders)
/// there is none; keep the home on a local disk.
/// </remarks>
public sealed class LedgerFile : IDisposable
{
    private readonly LedgerPaths _paths;
    private readonly FileStream _lock;
    private readonly FileStream _file;
    private bool _isUnsure;

    private LedgerFile(LedgerPaths paths, FileStream held, FileStream file, LedgerReading reading)
    {
        (_paths, _lock, _file, State, Entries, TornBytes) = (paths, held, file, reading.State, reading.Entries, reading.TornBytes);
    }

    /// <summary>The state after the last entry on disk.</summary>
    public LedgerState State { get; private set; }

    /// <summary>The entries on disk, oldest first.</summary>
    public ImmutableArray<LedgerEntry> Entries { get; private set; }

    /// <summary>The bytes of a half written last line that opening cut; 0 for none.</summary>
    public long TornBytes { get; }

    /// <summary>Opens a ledger and verifies all of it; makes it when no part of it exists.</summary>
    /// <param name="paths">Its files.</param>
    /// <param name="open">Opens the entries unbuffered; tests give their own.</param>
    /// <exception cref="FedCloudException"><c>ledger_locked</c>, <c>ledger_missing</c>, <c>ledger_broken</c>, <c>disk_full</c>, <c>key_file_permissions</c>.</exception>
    public static LedgerFile Open(LedgerPaths paths, Func<string, FileStream>? open = null)
    {
        ArgumentNullException.ThrowIfNull(paths);
        PrivateFolder.Make(paths.Folder);
        FileStream held = Lock(paths);
        try
        {
            Make(paths);
            return Open(paths, held, open ?? OpenUnbuffered);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Writes what a step adds, and takes it. Nothing follows from an entry before this returns.</summary>
    /// <param name="step">A step from <see cref="State"/>.</param>
    /// <exception cref="FedCloudException"><c>disk_full</c>: the file and the state are as before; or the file could not be put right, and everything is refused until a restart.</exception>
    public void Append(LedgerStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        RequireSure();
        if (step.Entries.IsEmpty)
        {
            return;
        }

        if (step.Entries[0].PrevHash != State.Head)
        {
            throw new ArgumentException("the step is not from the present state", nameof(step));
        }

        Write([.. step.Entries.SelectMany(entry => (byte[])[.. entry.ToBytes(), (byte)'\n'])]);
        State = step.State;
        Entries = Entries.AddRange(step.Entries);
        WriteHead();
    }

    /// <summary>Refuses after a failed write that could not be undone: what is on disk is not known.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void RequireSure()
    {
        if (_isUnsure)
        {
            throw new FedCloudException(ErrorCodes.DiskFull, $"a write to the ledger {_paths.Name} failed and could not be undone", "make space and start the agent again");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _lock.Dispose();
    }

    private static FileStream Lock(LedgerPaths paths)
    {
        try
        {
            return new FileStream(paths.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error)
        {
            throw new FedCloudException(ErrorCodes.LedgerLocked, $"the ledger {paths.Name} is open in another process", cause: error);
        }
    }

    // The salt comes last: with it, the ledger has begun, and no part of it may be missing any more.
    private static void Make(LedgerPaths paths)
    {
        if (File.Exists(paths.Salt))
        {
            return;
        }

        bool hasEntries = File.Exists(paths.Entries) && new FileInfo(paths.Entries).Length > 0;
        bool hasHead = File.Exists(paths.Head) && LedgerHead.Read(paths).Seq > 0;
        if (hasEntries || hasHead || File.Exists(paths.Records))
        {
            throw new FedCloudException(ErrorCodes.LedgerMissing, $"the ledger {paths.Name} has lost its salt ({Path.GetFileName(paths.Salt)})");
        }

        PrivateFile.Write(paths.Entries, []);
        new LedgerHead(0, Sha256Digest.Zero).Write(paths);
        LedgerSalt.Make(paths);
    }

    private static LedgerFile Open(LedgerPaths paths, FileStream held, Func<string, FileStream> open)
    {
        LedgerHead head = LedgerHead.Read(paths);
        Sha256Digest commitment = LedgerSalt.Commitment(paths);
        if (!File.Exists(paths.Entries))
        {
            throw new FedCloudException(ErrorCodes.LedgerMissing, $"the ledger {paths.Name} has lost {Path.GetFileName(paths.Entries)}");
        }

        FileStream file = open(paths.Entries);
        try
        {
            LedgerReading reading = LedgerReading.Read(file, paths.Name, commitment, head);
            LedgerFile opened = new(paths, held, file, reading);
            opened.Cut(reading.Length);
            opened.WriteHead();
            return opened;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    // Without a buffer: what failed to be written must not wait in memory and follow later.
    private static FileStream OpenUnbuffered(string path) => new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);

    private void Write(byte[] lines)
    {
        long start = _file.Length;
        try
        {
            _file.Position = start;
            _file.Write(lines);
            _file.Flush(flushToDisk: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Undo(start);
            throw new FedCloudException(ErrorCodes.DiskFull, $"the ledger {_paths.Name} could not be written", cause: error);
        }
    }

    private void Undo(long length)
    {
        _isUnsure = true;
        try
        {
            Cut(length);
            _isUnsure = false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is reported; from here on everything is refused.
        }
    }

    private void Cut(long length)
    {
        if (_file.Length > length)
        {
            _file.SetLength(length);
            _file.Flush(flushToDisk: true);
        }

        _file.Position = length;
    }

    // The entry counts already. A head that stays behind shows less of a later damage, and the next one makes up for it.
    private void WriteHead()
    {
        try
        {
            LedgerHead.Of(State).Write(_paths);
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.DiskFull)
        {
            return;
        }
    }
}
