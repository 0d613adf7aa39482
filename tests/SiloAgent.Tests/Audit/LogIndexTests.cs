// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.SiloAgent.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Audit;

public sealed class LogIndexTests : IDisposable
{
    private static readonly RoundOpening First = AuditedSilo.Start(1);
    private static readonly RoundOpening Second = AuditedSilo.Start(2);

    private readonly AuditedSilo _silo = new();

    public void Dispose() => _silo.Dispose();

    [Fact]
    public void Masked_OfTheNewestRoster_IsFoundByItsIndex()
    {
        LogIndex index = After(Roster(), _silo.StartEntry(First), Masked(First, 2), Masked(First, 3));

        Assert.Equal([2, 3], index.Masked.Keys);
        Assert.Equal(new MaskedPlace(2, AuditFederation.Hash("journal of 2")), index.Masked[2]);
    }

    // Another roster may give an index to another silo, which would look for a journal of its own there.
    [Fact]
    public void Masked_OfARoundOfTheRosterBefore_IsNoOnesUnderTheNewest()
    {
        LogIndex index = After(Roster(), _silo.StartEntry(First), Masked(First, 2), Roster(), Masked(First, 3), _silo.StartEntry(Second), Masked(Second, 1));

        Assert.Equal([1], index.Masked.Keys);
        Assert.Equal(6, index.Masked[1].Index);
    }

    private static LogIndex After(params LogEntry[] entries) => entries.Aggregate(LogIndex.Empty, (index, entry) => index.With(new SiloId("silo-1"), entry));

    private LogEntry Roster() => _silo.Federation.RosterEntry();

    private LogEntry Masked(RoundOpening start, int idx) => _silo.Federation.Coordinator(
        EntryTypes.Masked,
        [("rid", AuditedSilo.Rid(start)), ("masked", AuditFederation.Hash($"vector of {idx}")), ("ledger_head", Protocol.Canonical.Sha256Digest.Zero), ("journal_head", AuditFederation.Hash($"journal of {idx}"))],
        [("idx", EntryField.Of(idx))],
        start.Job,
        start.Round);
}
