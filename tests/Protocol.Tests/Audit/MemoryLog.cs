// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Enrolment;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>A host of the sequencer over two dictionaries, in the write order of audit-log section 3.1, that can be killed after any write.</summary>
internal sealed class MemoryLog(AuditFederation federation)
{
    public Dictionary<string, byte[]> Log { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, byte[]> Head { get; } = new(StringComparer.Ordinal);

    /// <summary>The number of writes until the next kill; null for none.</summary>
    public int? KillAfter { get; set; }

    /// <summary>The keys that sign, oldest first.</summary>
    public List<(NoteKey Key, ECDsa Private)> Signers { get; } = [(federation.LogKey, federation.Log)];

    public IEnumerable<long> Sizes => Log.Keys.Where(path => LogPaths.TryParseArchive(path, out _)).Select(path => long.Parse(path.Split('/')[1])).Order();

    public long Size => Sizes.LastOrDefault();

    /// <summary>What a writer reads when it starts.</summary>
    public LogState ReadState(long size)
    {
        LogState state = LogState.Empty(AuditFederation.Origin);
        foreach (BundleCoordinate bundle in TileLayout.Bundles(size))
        {
            state = state.Append(EntryBundle.Read(Log[bundle.Path], bundle.Width)).After;
        }

        return state;
    }

    public IEnumerable<LogEntry> Entries() => TileLayout.Bundles(Size).SelectMany(bundle => EntryBundle.Read(Log[bundle.Path], bundle.Width)).Select(bytes => LogEntry.Parse(bytes));

    /// <summary>Writes one batch: of the record if there is one, else of what is offered. Returns false when there is nothing to write.</summary>
    public bool WriteBatch(IEnumerable<LogEntry> offered) => WriteBatch(ReadState(Size), offered);

    public bool WriteBatch(LogState state, IEnumerable<LogEntry> offered)
    {
        long size = state.Size;
        if (size > 0)
        {
            Head[LogPaths.Head] = Log[LogPaths.Archive(size)];
        }

        IReadOnlyCollection<byte[]> batch;
        if (Head.TryGetValue(LogPaths.Batch(size), out byte[]? record))
        {
            batch = LogSequencer.ReadRecord(record);
        }
        else
        {
            AdmittedBatch admitted = EntryAdmission.Admit(state, offered, federation.Context(RosterAt(size)));
            if (admitted.Batch.IsEmpty)
            {
                return false;
            }

            batch = [.. admitted.Batch.Select(entry => entry.ToBytes())];
        }

        LogStep step = LogSequencer.Step(state, batch);
        Create(Head, step.Record);
        foreach (LogWrite file in step.Files)
        {
            Create(Log, file);
        }

        (_, byte[] digest) = step.Prepare(size == 0 ? null : Checkpoint.Parse(SignedNote.Parse(Log[LogPaths.Archive(size)]).Text));
        SealedCheckpoint signed = step.Seal([.. Signers.Select(signer => (signer.Key, signer.Private.SignHash(digest, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)))]);
        if (Log.TryGetValue(signed.Archive.Path, out byte[]? existing))
        {
            signed = signed.Reconcile(existing);
        }
        else
        {
            Create(Log, signed.Archive);
        }

        Kill();
        Head[LogPaths.Head] = signed.Archive.Bytes.ToArray();
        return true;
    }

    /// <summary>Writes batches until nothing is left that can be written.</summary>
    public void WriteAll(IEnumerable<LogEntry> offered)
    {
        LogEntry[] entries = [.. offered];
        while (WriteBatch(entries))
        {
        }
    }

    /// <summary>Adds witness lines of members to the newest checkpoint.</summary>
    public void Cosign(params IEnumerable<AuditFederation.Member> members)
    {
        foreach (AuditFederation.Member member in members)
        {
            SignedNote note = SignedNote.Parse(Log[LogPaths.Archive(Size)]);
            byte[] signature = member.Witness.SignData(Encoding.UTF8.GetBytes(note.Text), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
            Log[LogPaths.Cosigned(Size, member.Silo)] = note.With(new NoteSignature(member.WitnessKey.Name, member.WitnessKey.Id, signature)).ToBytes();
        }
    }

    private Roster? RosterAt(long size) => TileLayout.Bundles(size)
        .SelectMany(bundle => EntryBundle.Read(Log[bundle.Path], bundle.Width))
        .Select(bytes => LogEntry.Parse(bytes))
        .LastOrDefault(entry => entry.Type == EntryTypes.Roster) is { } entry
            ? federation.Context(null).Rosters(entry.Subjects["roster"])
            : null;

    private void Create(Dictionary<string, byte[]> container, LogWrite write)
    {
        if (container.TryGetValue(write.Path, out byte[]? existing))
        {
            write.RequireSame(existing);
        }
        else
        {
            container.Add(write.Path, write.Bytes.ToArray());
        }

        Kill();
    }

    private void Kill()
    {
        if (KillAfter is { } left)
        {
            KillAfter = left - 1;
            if (left <= 1)
            {
                KillAfter = null;
                throw new KilledException();
            }
        }
    }

    internal sealed class KilledException : Exception;
}
