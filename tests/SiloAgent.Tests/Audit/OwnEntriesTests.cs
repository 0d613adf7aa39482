// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.SiloAgent.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Audit;

public sealed class OwnEntriesTests : IDisposable
{
    private static readonly OwnPlace Foreign = new(1, AuditFederation.Hash("another"));

    private readonly AuditedSilo _silo = new();

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task Log_Entries_AreNumberedSignedAndAdmitted()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        using (OwnEntries entries = Open())
        {
            await entries.LogAsync(Alarm("a"), CancellationToken.None);
            await entries.LogAsync(Alarm("b"), CancellationToken.None);
            await entries.SendAsync(CancellationToken.None);
        }

        List<LogEntry> sent = await _silo.TakeEntriesAsync();

        Assert.Equal([1, 2], sent.Select(entry => entry.Seq));
        await _silo.WriteAsync([.. sent]);
        Assert.Equal(3, _silo.Log.Size);
    }

    [Fact]
    public async Task Log_ClockGoesBack_TimesDoNot()
    {
        DateTimeOffset before = _silo.Time.GetUtcNow();
        using (OwnEntries entries = Open())
        {
            await entries.LogAsync(Alarm("a"), CancellationToken.None);
            _silo.Time.Advance(TimeSpan.FromHours(-1));
            await entries.LogAsync(Alarm("b"), CancellationToken.None);
            Assert.All(await SendAsync(entries), entry => Assert.Equal(LogEntry.FormatTime(before), entry.Time));
        }

        // Also where the journal is lost, and only the log knows.
        File.Delete(_silo.Home.EntriesPath);
        using OwnEntries again = Open();
        await again.ReconcileAsync(ImmutableSortedDictionary<long, OwnPlace>.Empty.Add(2, new OwnPlace(5, AuditFederation.Hash("b"), before)), CancellationToken.None);
        await again.LogAsync(Alarm("c"), CancellationToken.None);
        LogEntry sent = Assert.Single(await SendAsync(again));
        Assert.Equal((3, LogEntry.FormatTime(before)), (sent.Seq, sent.Time));
    }

    [Fact]
    public async Task Send_UntilTheLogShowsThem_AgainAfterAWhileOrAStart()
    {
        using (OwnEntries entries = Open())
        {
            await entries.LogAsync(Alarm("a"), CancellationToken.None);
            Assert.Single(await SendAsync(entries));
            Assert.Empty(await SendAsync(entries));
            _silo.Time.Advance(TimeSpan.FromSeconds(30));
            Assert.Single(await SendAsync(entries));
            await entries.LogAsync(Alarm("b"), CancellationToken.None);
            Assert.Equal(2, (await SendAsync(entries)).Count);
        }

        using OwnEntries again = Open();
        List<LogEntry> sent = await SendAsync(again);
        Assert.Equal([1, 2], sent.Select(entry => entry.Seq));
        Assert.Null(again.IndexOf(Alarm("a")));
        await again.ReconcileAsync(Logged(sent[0]), CancellationToken.None);
        Assert.Equal((11, null), (again.IndexOf(Alarm("a")), again.IndexOf(Alarm("b"))));
        _silo.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(2, Assert.Single(await SendAsync(again)).Seq);
        await again.ReconcileAsync(Logged([.. sent]), CancellationToken.None);
        _silo.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Empty(await SendAsync(again));
    }

    [Fact]
    public async Task Log_SameAgain_IsOneEntryWithOneBody()
    {
        Sha256Digest first;
        using (OwnEntries entries = Open())
        {
            await entries.LogAsync(Alarm("a"), CancellationToken.None);
            first = Assert.Single(await SendAsync(entries)).Identity;
        }

        _silo.Time.Advance(TimeSpan.FromHours(1));
        using OwnEntries again = Open();
        await again.LogAsync(Alarm("a"), CancellationToken.None);

        Assert.Equal(first, Assert.Single(await SendAsync(again)).Identity);
    }

    [Fact]
    public async Task Log_LostJournal_GoesOnFromTheHighestNumberInTheLog()
    {
        using OwnEntries entries = Open(isNewHome: false);

        Assert.Equal(ErrorCodes.LogUnread, (await Assert.ThrowsAsync<FedCloudException>(() => entries.LogAsync(Alarm("a"), CancellationToken.None))).Code);
        await entries.ReconcileAsync(ImmutableSortedDictionary<long, OwnPlace>.Empty.Add(1, Foreign).Add(2, Foreign), CancellationToken.None);
        await entries.LogAsync(Alarm("a"), CancellationToken.None);

        Assert.Equal(3, Assert.Single(await SendAsync(entries)).Seq);
    }

    [Fact]
    public async Task Reconcile_NumberTakenByAnother_SignsAgainWithTheNextOnce()
    {
        using (OwnEntries entries = Open())
        {
            await entries.LogAsync(Alarm("a"), CancellationToken.None);
            await entries.LogAsync(Alarm("b"), CancellationToken.None);
        }

        ImmutableSortedDictionary<long, OwnPlace> taken = ImmutableSortedDictionary<long, OwnPlace>.Empty.Add(1, Foreign);
        for (int start = 0; start < 2; start++)
        {
            using OwnEntries entries = Open(isNewHome: false);
            await entries.ReconcileAsync(taken, CancellationToken.None);
            List<LogEntry> sent = await SendAsync(entries);

            Assert.Equal([2, 3], sent.Select(entry => entry.Seq));
            Assert.Equal([AuditFederation.Hash("b"), AuditFederation.Hash("a")], sent.Select(entry => entry.Subjects["evidence_1"]));
        }
    }

    [Fact]
    public async Task Open_TornLastLine_IsCutAndItsNumberUsedAgain()
    {
        using (OwnEntries entries = Open())
        {
            await entries.LogAsync(Alarm("a"), CancellationToken.None);
        }

        await File.AppendAllTextAsync(_silo.Home.EntriesPath, "{\"actor\":{");
        using OwnEntries again = Open();
        await again.LogAsync(Alarm("b"), CancellationToken.None);

        Assert.Equal([1, 2], (await SendAsync(again)).Select(entry => entry.Seq));
    }

    [Fact]
    public async Task Open_ChangedOrDoubledLine_IsBroken()
    {
        using (OwnEntries entries = Open())
        {
            await entries.LogAsync(Alarm("a"), CancellationToken.None);
            Assert.Equal(ErrorCodes.JournalLocked, Assert.Throws<FedCloudException>(() => Open()).Code);
        }

        string line = await File.ReadAllTextAsync(_silo.Home.EntriesPath);
        foreach (string broken in new[] { line + line, line.Replace("\"seq\":1", "\"seq\":1.5", StringComparison.Ordinal) })
        {
            await File.WriteAllTextAsync(_silo.Home.EntriesPath, broken);
            Assert.Equal(ErrorCodes.JournalBroken, Assert.Throws<FedCloudException>(() => Open()).Code);
        }
    }

    private static EntryDraft Alarm(string evidence) => EntryDraft.Of(EntryTypes.Alarm).With("code", "log_fork").With("evidence_1", AuditFederation.Hash(evidence));

    private static ImmutableSortedDictionary<long, OwnPlace> Logged(params LogEntry[] entries) => entries.ToImmutableSortedDictionary(entry => entry.Seq, entry => new OwnPlace(10 + entry.Seq, entry.Identity));

    private OwnEntries Open(bool isNewHome = true) => new(_silo.Home, _silo.Post, _silo.Time, isNewHome);

    private async Task<List<LogEntry>> SendAsync(OwnEntries entries)
    {
        await entries.SendAsync(CancellationToken.None);
        return await _silo.TakeEntriesAsync();
    }
}
