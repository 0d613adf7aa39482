// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Silos;

namespace FedCloud.SiloAgent.Journals;

/// <summary>An effect that is not yet done.</summary>
/// <param name="Id">Its number, from 1; the same after a replay.</param>
/// <param name="Effect">What is to be done.</param>
public sealed record PendingSiloEffect(long Id, SiloEffect Effect);

/// <summary>One line of the journal.</summary>
/// <param name="Seq">Its number, from 1.</param>
/// <param name="Prev">The SHA-256 of the line before; 64 zeros for the first.</param>
/// <param name="Done">The effect that this line reports done; null for an event from outside.</param>
/// <param name="Event">The event; null for an effect without a result.</param>
public sealed record JournalLine(long Seq, Sha256Digest Prev, long? Done, SiloEvent? Event);

/// <summary>Strict JSON of journal lines.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JournalLine))]
public sealed partial class JournalJson : JsonSerializerContext;

/// <summary>The silo's journal: one append-only file of hash-chained lines, flushed to disk before anything follows from a line.</summary>
/// <remarks>The state is the fold of <see cref="SiloMachine"/> over the lines, so a restarted agent stands where it stood and sends the same bodies.</remarks>
public sealed class SiloJournal : IDisposable
{
    private readonly FileStream _file;
    private readonly HashSet<Sha256Digest> _heads = [Sha256Digest.Zero];
    private long _seq;
    private long _nextEffect = 1;

    private SiloJournal(FileStream file) => _file = file;

    /// <summary>The state after the last line.</summary>
    public SiloState State { get; private set; } = new();

    /// <summary>Effects that are not done, oldest first.</summary>
    public ImmutableArray<PendingSiloEffect> Pending { get; private set; } = [];

    /// <summary>The SHA-256 of the last line.</summary>
    public Sha256Digest Head { get; private set; } = Sha256Digest.Zero;

    /// <summary>Whether a hash is that of a line of this journal.</summary>
    public bool Contains(Sha256Digest head) => _heads.Contains(head);

    /// <summary>Opens a journal and replays it. A torn last line, left by a crash while it was written, is cut.</summary>
    /// <param name="path">The file.</param>
    /// <param name="open">Opens it unbuffered; tests give their own.</param>
    /// <exception cref="FedCloudException"><c>journal_broken</c> or <c>journal_locked</c>.</exception>
    public static SiloJournal Open(string path, Func<string, FileStream>? open = null)
    {
        FileStream file;
        try
        {
            // Without a buffer: what failed to be written must not wait in memory and follow later.
            file = open is null ? new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0) : open(path);
        }
        catch (IOException error)
        {
            throw new FedCloudException(ErrorCodes.JournalLocked, "the journal is open in another process", cause: error);
        }

        SiloJournal journal = new(file);
        try
        {
            journal.Replay();
            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Writes an event and takes it.</summary>
    /// <returns>Why it had no effect; null when it had one. Events without effect are not written.</returns>
    /// <exception cref="FedCloudException"><c>disk_full</c>: nothing follows from the event.</exception>
    public string? Append(SiloEvent @event)
    {
        SiloStep step = SiloMachine.Step(State, @event);
        if (step.Ignored is null)
        {
            Write(new JournalLine(_seq + 1, Head, null, @event));
            Take(step);
        }

        return step.Ignored;
    }

    /// <summary>Writes that an effect is done, with its result, and takes that.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void Complete(long effect, SiloEvent? result)
    {
        if (Pending.All(pending => pending.Id != effect))
        {
            return;
        }

        Write(new JournalLine(_seq + 1, Head, effect, result));
        TakeDone(effect, result);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Take(SiloStep step)
    {
        State = step.State;
        Pending = Pending.AddRange(step.Effects.Select((effect, i) => new PendingSiloEffect(_nextEffect + i, effect)));
        _nextEffect += step.Effects.Length;
    }

    private void TakeDone(long effect, SiloEvent? result)
    {
        Pending = Pending.RemoveAll(pending => pending.Id == effect);
        if (result is not null)
        {
            Take(SiloMachine.Step(State, result));
        }
    }

    private void Write(JournalLine line)
    {
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(line, JournalJson.Default.JournalLine);
        long start = _file.Position;
        try
        {
            _file.Write([.. bytes, (byte)'\n']);
            _file.Flush(flushToDisk: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            _file.SetLength(start);
            throw new FedCloudException(ErrorCodes.DiskFull, "the journal could not be written", cause: error);
        }

        _seq = line.Seq;
        Head = Sha256Digest.Of(bytes);
        _heads.Add(Head);
    }

    private void Replay()
    {
        byte[] all = new byte[_file.Length];
        _file.ReadExactly(all);
        int start = 0;
        while (Array.IndexOf(all, (byte)'\n', start) is var end && end >= 0)
        {
            ReplayLine(all.AsSpan(start, end - start));
            start = end + 1;
        }

        _file.SetLength(start);
        _file.Position = start;
    }

    private void ReplayLine(ReadOnlySpan<byte> bytes)
    {
        JournalLine line;
        try
        {
            line = JsonSerializer.Deserialize(bytes, JournalJson.Default.JournalLine) ?? throw new JsonException("null");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.JournalBroken, $"line {_seq + 1} is not readable", cause: error);
        }

        if (line.Seq != _seq + 1 || line.Prev != Head)
        {
            throw new FedCloudException(ErrorCodes.JournalBroken, $"line {_seq + 1} does not follow from the line before it");
        }

        if (line.Done is { } effect)
        {
            TakeDone(effect, line.Event);
        }
        else if (line.Event is { } @event)
        {
            Take(SiloMachine.Step(State, @event));
        }

        _seq = line.Seq;
        Head = Sha256Digest.Of(bytes);
        _heads.Add(Head);
    }
}
