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

        LogEntry[] sent = [.. new AdministratorEntries(_silo.Home).Missing(again: false)];

        Assert.Equal([(1, AuditFederation.Hash("one")), (2, AuditFederation.Hash("two"))], sent.Select(entry => ((int)entry.Seq, entry.Subjects["policy"])));
        await _silo.WriteAsync([.. sent]);
        Assert.Equal(3, _silo.Log.Size);
    }

    [Fact]
    public async Task Send_AgainOnlyWhenItIsTimeAndTheLogLacksIt()
    {
        await SignAsync("one");
        AdministratorEntries entries = new(_silo.Home);

        Assert.Single(entries.Missing(again: false));
        entries.Sent();
        Assert.Empty(entries.Missing(again: false));
        Assert.Single(entries.Missing(again: true));
        entries.Confirm(1);
        Assert.Empty(entries.Missing(again: true));
    }

    [Fact]
    public async Task SignPolicy_FileLost_GoesOnFromTheLog()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        await SignAsync("one");
        await _silo.WriteAsync([.. new AdministratorEntries(_silo.Home).Missing(again: false)]);
        Assert.Equal(1, Assert.IsType<LogLook.Accepted>(await _silo.View().FollowAsync([.. _silo.Rosters], CancellationToken.None)).Administrator);
        File.Delete(_silo.Home.AdministratorEntriesPath);

        await SignAsync("two");

        Assert.Equal(2, Assert.Single(new AdministratorEntries(_silo.Home).Missing(again: false)).Seq);
    }

    [Fact]
    public async Task Open_BrokenFile_IsRefused()
    {
        await SignAsync("one");
        await File.AppendAllTextAsync(_silo.Home.AdministratorEntriesPath, "{}\n");

        Assert.Equal(ErrorCodes.JournalBroken, Assert.Throws<FedCloudException>(() => new AdministratorEntries(_silo.Home)).Code);
    }

    private Task SignAsync(string policy) => AdministratorEntries.SignPolicyAsync(_silo.Home, AuditFederation.Hash(policy), _silo.Time.GetUtcNow(), CancellationToken.None);
}
