// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The silo's own entries before they are signed: one append-only file, a line each, flushed before a signature exists (audit-log, A8).</summary>
public sealed class EntryJournal : IDisposable
{
    private readonly FileStream _file;

    private EntryJournal(FileStream file) => _file = file;

    /// <summary>The entries, oldest first.</summary>
    public ImmutableArray<LogEntry> Entries { get; private set; } = [];

    /// <summary>The largest number; 0 for none.</summary>
    public long LastSeq => Entries is [.., { } last] ? last.Seq : 0;

    /// <summary>Opens a journal. A torn last line, left by a crash while it was written, is cut.</summary>
    /// <exception cref="FedCloudException"><c>journal_broken</c> or <c>journal_locked</c>.</exception>
    public static EntryJournal Open(string path)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException error)
        {
            throw new FedCloudException(ErrorCodes.JournalLocked, "the journal of entries is open in another process", cause: error);
        }

        EntryJournal journal = new(file);
        try
        {
            journal.Read();
            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Writes an unsigned entry.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>: the number is free again.</exception>
    public void Append(LogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (entry.Seq <= LastSeq)
        {
            throw new ArgumentException("an actor signs one body per number", nameof(entry));
        }

        long start = _file.Position;
        try
        {
            _file.Write([.. entry.SignedBytes(), (byte)'\n']);
            _file.Flush(flushToDisk: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            _file.SetLength(start);
            throw new FedCloudException(ErrorCodes.DiskFull, "the journal of entries could not be written", cause: error);
        }

        Entries = Entries.Add(entry);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Read()
    {
        byte[] all = new byte[_file.Length];
        _file.ReadExactly(all);
        int start = 0;
        while (Array.IndexOf(all, (byte)'\n', start) is var end && end >= 0)
        {
            LogEntry entry = ReadLine(all.AsSpan(start, end - start));
            Entries = entry.Seq > LastSeq ? Entries.Add(entry) : throw Broken(cause: null);
            start = end + 1;
        }

        _file.SetLength(start);
        _file.Position = start;
    }

    private LogEntry ReadLine(ReadOnlySpan<byte> line)
    {
        try
        {
            return Jcs.Parse(line, LogEntryJson.Default.LogEntry, "entry");
        }
        catch (Exception error) when (error is FedCloudException or JsonException)
        {
            throw Broken(error);
        }
    }

    private FedCloudException Broken(Exception? cause) => new(ErrorCodes.JournalBroken, $"line {Entries.Length + 1} of the journal of entries is not readable or not in order", cause: cause);
}
