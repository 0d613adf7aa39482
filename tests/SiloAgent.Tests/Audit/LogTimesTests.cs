// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Ledgers;
using FedCloud.SiloAgent.Audit;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.SiloAgent.Tests.Audit;

public sealed class LogTimesTests : IDisposable
{
    private readonly AuditedSilo _silo = new();

    public void Dispose() => _silo.Dispose();

    [Fact]
    public void Of_NothingRead_SaysNothing()
    {
        Assert.Equal(new LogTime(null, null, null), LogTimes.Of(null, null));
        Assert.Equal(new LogTime(null, Now, null), LogTimes.Of(null, new ClockReading(3, Now)));
    }

    [Fact]
    public void Of_OnePartyInTheFuture_MovesNothing()
    {
        LogTime time = LogTimes.Of(Parties(("coordinator coordinator", 4, 0), ("silo silo-2", 5, 100), ("silo silo-3", 2, -1)), own: null);

        Assert.Equal(new LogTime(Now, null, null), time);
        Assert.Equal(Now.AddDays(-1), LogTimes.Of(Parties(("silo silo-2", 5, 100), ("silo silo-3", 2, -1)), own: null).Reached);
        Assert.Null(LogTimes.Of(Parties(("silo silo-2", 5, 100)), own: null).Reached);
    }

    [Fact]
    public void Of_EntriesBehindTheOwn_CountOnceTheCoordinatorsIsAmongThem()
    {
        ClockReading own = new(5, Now);

        Assert.Null(LogTimes.Of(Parties(("coordinator coordinator", 4, 0), ("silo silo-2", 6, -3)), own).Followed);
        Assert.Equal(Now.AddDays(-2), LogTimes.Of(Parties(("coordinator coordinator", 7, -2), ("silo silo-2", 6, -3), ("silo silo-3", 4, 9)), own).Followed);
    }

    [Fact]
    public async Task Follow_Log_TellsTheNewestEntryOfEachOtherParty()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        DateTimeOffset first = _silo.Federation.Now;
        _silo.Federation.Now = first.AddDays(2);
        await _silo.WriteAsync(_silo.Federation.Alarm(1, "a"), _silo.Federation.Alarm(2, "b"));
        _silo.Federation.Now = first.AddDays(1);
        await _silo.WriteAsync(_silo.Federation.Access("read"));

        LogLook.Accepted accepted = Assert.IsType<LogLook.Accepted>(await _silo.View().FollowAsync(_silo.Rosters, CancellationToken.None));

        Assert.Equal(
            [("coordinator coordinator", 3, first.AddDays(1)), ("silo silo-2", 2, first.AddDays(2))],
            accepted.Parties!.Select(party => (party.Key, party.Value.Index, party.Value.At)));
    }

    [Fact]
    public async Task Newest_OwnEntry_IsOneOfThisStartThatTheLogShows()
    {
        DateTimeOffset first = _silo.Time.GetUtcNow();
        LogEntry sent;
        using (OwnEntries entries = Open())
        {
            await LogAsync(entries, "a");
            _silo.Time.Advance(TimeSpan.FromDays(-2));
            await LogAsync(entries, "b");
            Assert.Null(entries.Newest());
            await entries.SendAsync(CancellationToken.None);
            List<LogEntry> both = await _silo.TakeEntriesAsync();
            sent = both[1];

            await entries.ReconcileAsync(ImmutableSortedDictionary<long, OwnPlace>.Empty.Add(1, new OwnPlace(7, both[0].Identity)), CancellationToken.None);
            Assert.Equal(new ClockReading(7, first), entries.Newest());
            await entries.ReconcileAsync(ImmutableSortedDictionary<long, OwnPlace>.Empty.Add(1, new OwnPlace(7, both[0].Identity)).Add(2, new OwnPlace(8, sent.Identity)), CancellationToken.None);
            Assert.Equal(new ClockReading(8, first.AddDays(-2)), entries.Newest());
        }

        using OwnEntries again = Open();
        await again.ReconcileAsync(ImmutableSortedDictionary<long, OwnPlace>.Empty.Add(2, new OwnPlace(8, sent.Identity)), CancellationToken.None);
        Assert.Null(again.Newest());
    }

    private OwnEntries Open() => new(_silo.Home, _silo.Post, _silo.Time, isNewHome: true);

    private static Task LogAsync(OwnEntries entries, string what) =>
        entries.LogAsync(EntryDraft.Of(EntryTypes.Alarm).With("code", "log_fork").With("evidence_1", Hash(what)), CancellationToken.None);

    private static ImmutableSortedDictionary<string, PartyPlace> Parties(params (string Party, long Index, int Days)[] parties) =>
        parties.ToImmutableSortedDictionary(party => party.Party, party => new PartyPlace(party.Index, Now.AddDays(party.Days)), StringComparer.Ordinal);
}
