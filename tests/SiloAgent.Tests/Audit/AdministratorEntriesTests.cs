// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.SiloAgent.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Audit;

public sealed class AdministratorEntriesTests : IDisposable
{
    private readonly AuditedSilo _silo = new();

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task SignPolicy_EachNewOne_IsNumberedSignedAndAdmitted()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        await SignAsync("one");
        await SignAsync("one");
        await SignAsync("two");

        AdministratorEntries entries = new(_silo.Home, _silo.Post);
        await entries.SendAsync(again: false, CancellationToken.None);
        List<LogEntry> sent = await _silo.TakeEntriesAsync();

        Assert.Equal([(1, AuditFederation.Hash("one")), (2, AuditFederation.Hash("two"))], sent.Select(entry => ((int)entry.Seq, entry.Subjects["policy"])));
        await _silo.WriteAsync([.. sent]);
        Assert.Equal(3, _silo.Log.Size);
    }

    [Fact]
    public async Task Send_AgainOnlyWhenItIsTimeAndTheLogLacksIt()
    {
        await SignAsync("one");
        AdministratorEntries entries = new(_silo.Home, _silo.Post);

        Assert.Equal(1, await SentAsync(entries, again: false));
        Assert.Equal(0, await SentAsync(entries, again: false));
        Assert.Equal(1, await SentAsync(entries, again: true));
        entries.Confirm(1);
        Assert.Equal(0, await SentAsync(entries, again: true));
    }

    [Fact]
    public async Task SignPolicy_FileLost_GoesOnFromTheLog()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        await SignAsync("one");
        await new AdministratorEntries(_silo.Home, _silo.Post).SendAsync(again: false, CancellationToken.None);
        await _silo.WriteAsync([.. await _silo.TakeEntriesAsync()]);
        Assert.Equal(1, Assert.IsType<LogLook.Accepted>(await _silo.View().FollowAsync([.. _silo.Rosters], CancellationToken.None)).Administrator);
        File.Delete(_silo.Home.AdministratorEntriesPath);
        await _silo.TakeSentAsync();

        await SignAsync("two");

        await new AdministratorEntries(_silo.Home, _silo.Post).SendAsync(again: false, CancellationToken.None);
        Assert.Equal(2, Assert.Single(await _silo.TakeEntriesAsync()).Seq);
    }

    [Fact]
    public async Task Open_BrokenFile_IsRefused()
    {
        await SignAsync("one");
        await File.AppendAllTextAsync(_silo.Home.AdministratorEntriesPath, "{}\n");

        Assert.Equal(ErrorCodes.JournalBroken, Assert.Throws<FedCloudException>(() => new AdministratorEntries(_silo.Home, _silo.Post)).Code);
    }

    private Task SignAsync(string policy) => AdministratorEntries.SignPolicyAsync(_silo.Home, AuditFederation.Hash(policy), _silo.Time.GetUtcNow(), CancellationToken.None);

    private async Task<int> SentAsync(AdministratorEntries entries, bool again)
    {
        await entries.SendAsync(again, CancellationToken.None);
        return (await _silo.TakeEntriesAsync()).Count;
    }
}
