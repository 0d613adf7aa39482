// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class OutgoingEntriesTests
{
    private static readonly FederationId Federation = new("a-federation");
    private static readonly EntryActor Coordinator = new() { Kind = EntryActor.Coordinator, Id = EntryActor.Coordinator, KeyId = Sha256Digest.Of([1]) };
    private static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    [Fact]
    public void Take_BeforeTheFirstRoster_WaitsForIt()
    {
        OutgoingEntries queue = Take(OutgoingEntries.Resume(0, 0), null, 0, Start, Draft(EntryTypes.SiloInvited));
        Assert.Empty(queue.Pending);

        queue = Take(queue, "roster", 1, Start.AddHours(1), Draft(EntryTypes.Roster));

        Assert.Equal([(EntryTypes.Roster, 1L), (EntryTypes.SiloInvited, 2L)], queue.Pending.Select(entry => (entry.Type, entry.Seq)));
        Assert.All(queue.Pending, entry => Assert.Equal(Start.AddHours(1), entry.Instant));
        Assert.Empty(queue.Deferred);
    }

    [Fact]
    public void Take_ClockGoesBack_KeepsTheTime()
    {
        OutgoingEntries queue = Take(OutgoingEntries.Resume(4, 9), null, 0, Start, Draft(EntryTypes.Export));

        queue = Take(queue, null, 0, Start.AddHours(-1), Draft(EntryTypes.Export));

        Assert.Equal([Start, Start], queue.Pending.Select(entry => entry.Instant));
        Assert.Equal([5L, 6L], queue.Pending.Select(entry => entry.Seq));
    }

    [Fact]
    public void Confirm_SomeAreLogged_KeepsTheOthers()
    {
        OutgoingEntries queue = Take(OutgoingEntries.Resume(0, 9), null, 0, Start, [.. Enumerable.Repeat(Draft(EntryTypes.Export), 5)]);

        Assert.Equal([4L, 5L], queue.Confirm(3).Pending.Select(entry => entry.Seq));
        Assert.Empty(queue.Confirm(7).Pending);
        Assert.Same(queue, queue.Confirm(0));
    }

    // Effects come again after a crash, each source's in order: every entry gets one number, and numbers have no gaps.
    [Fact]
    public void Take_EffectsRepeated_NumbersEachOnce()
    {
        Gen<(int Source, int Effect, int Count)[]> stories = (
            from source in Gen.Choose(0, 2)
            from effect in Gen.Choose(1, 6)
            from count in Gen.Choose(0, 3)
            select (source, effect, count)).ArrayOf();

        Prop.ForAll(stories.ToArbitrary(), story =>
        {
            OutgoingEntries queue = OutgoingEntries.Resume(0, 1);
            Dictionary<int, int> highest = [];
            int expected = 0;
            foreach ((int source, int effect, int count) in story)
            {
                bool isNew = effect > highest.GetValueOrDefault(source);
                expected += isNew ? count : 0;
                highest[source] = Math.Max(effect, highest.GetValueOrDefault(source));
                queue = Take(queue, $"source-{source}", effect, Start, [.. Enumerable.Repeat(Draft(EntryTypes.Export), count)]);
            }

            return queue.Pending.Select(entry => entry.Seq).SequenceEqual(Enumerable.Range(1, expected).Select(seq => (long)seq)) && queue.NextSeq == expected + 1;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));
    }

    private static OutgoingEntries Take(OutgoingEntries queue, string? source, long effect, DateTimeOffset at, params ImmutableArray<EntryDraft> drafts) =>
        queue.Take(source, effect, drafts, Federation, Coordinator, at);

    private static EntryDraft Draft(string type) => EntryDraft.Of(type);
}
