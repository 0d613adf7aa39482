// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator.Audit;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Simulation.Tests.Whole;

namespace FedCloud.Dashboard.Tests;

/// <summary>Many more entries for a federation's log, written by the sequencer and signed by the log's key; the last checkpoint has the line of each witness.</summary>
/// <remarks>The entries' own signatures are left out of account: 64 bytes that are no key's. Whoever looks through a log does not check them.</remarks>
internal static class LargeLog
{
    /// <summary>Of so many entries one is of another type, so that there is something rare to search for.</summary>
    public const int Rare = 1_000;

    private const int Batch = 64;
    private static readonly byte[] Unchecked = [.. Enumerable.Repeat((byte)1, 64)];

    /// <summary>Lets the log of a federation that has come to its end grow to a size.</summary>
    /// <param name="federation">The federation, whose coordinator is away.</param>
    /// <param name="size">The number of entries.</param>
    public static async Task GrowAsync(WholeFederation federation, long size)
    {
        LogStore log = new(federation.Store);
        LogSigner signer = new(federation.Vault);
        RosterShelf rosters = new(federation.Store);
        rosters.Add(federation.CoordinatorKey);
        await rosters.TakeUpAsync(CancellationToken.None);
        LogState state = await log.ReadStateAsync(federation.LogOrigin, await log.LargestSizeAsync(CancellationToken.None), CancellationToken.None);
        SealedCheckpoint? last = null;
        while (state.Size < size)
        {
            Checkpoint signed = state.Checkpoint;
            LogStep step = LogSequencer.Step(state, [.. Entries(federation, state, (int)Math.Min(Batch, size - state.Size))]);
            foreach (LogWrite file in step.Files.Prepend(step.Record))
            {
                await log.CreateAsync(file, CancellationToken.None);
            }

            (_, byte[] digest) = step.Prepare(signed);
            last = step.Seal([.. await signer.SignAsync(digest, rosters.SignersOf(step, signed), CancellationToken.None)]);
            await log.ArchiveAsync(last, CancellationToken.None);
            state = step.After;
        }

        if (last is not null)
        {
            await PublishAsync(federation, log, rosters.Find(state.Roster) ?? throw new InvalidOperationException("a log names its rosters"), last);
        }
    }

    private static async Task PublishAsync(WholeFederation federation, LogStore log, Roster roster, SealedCheckpoint last)
    {
        await log.PublishAsync(last.Note, CancellationToken.None);
        foreach (RosterMember member in roster.Members)
        {
            NoteKey key = NoteKey.Parse(member.WitnessVkey);
            NoteSignature line = await federation.Silos.Single(silo => silo.Id == member.SiloId).WitnessAsync(last.Note, key);
            await log.CreateFirstAsync(WitnessLine.Accept(last, member.SiloId, key, line), CancellationToken.None);
        }
    }

    private static IEnumerable<byte[]> Entries(WholeFederation federation, LogState state, int count)
    {
        EntryActor actor = new() { Kind = EntryActor.Coordinator, Id = EntryActor.Coordinator, KeyId = federation.CoordinatorKey.Fingerprint };
        Sha256Digest digest = Sha256Digest.Of("evidence"u8);
        long seq = state.Highest[actor.Key];
        return Enumerable.Range(1, count).Select(i => (seq + i) % Rare == 0
            ? Signed(FederationEntries.Rehearsed(CompromiseDrill.All[0], digest, isPassed: true), seq + i)
            : Signed(FederationEntries.Exported(digest, "auditor"), seq + i));

        byte[] Signed(EntryDraft draft, long number) => draft.ToEntry(federation.Config.Federation, actor, number, federation.Time.GetUtcNow()).WithSignature(Unchecked).ToBytes();
    }
}
