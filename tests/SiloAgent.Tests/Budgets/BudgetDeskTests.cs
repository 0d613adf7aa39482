// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;
using FedCloud.SiloAgent.Audit;
using FedCloud.SiloAgent.Budgets;
using FedCloud.SiloAgent.Policies;
using FedCloud.SiloAgent.Runs;
using FedCloud.SiloAgent.Tests.Audit;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.SiloAgent.Tests.Budgets;

public sealed class BudgetDeskTests : IDisposable
{
    private readonly AuditedSilo _silo = new();
    private readonly string _train = Path.GetTempFileName();

    public void Dispose()
    {
        File.Delete(_train);
        _silo.Dispose();
    }

    [Fact]
    public void Open_ChargesOfAnotherAccountant_AreCountedAnew()
    {
        LedgerPolicy budget = new() { DatasetUid = "data-1", Records = 100, EpsilonMax = 100, DeltaMax = 0.00001m, Unit = PrivacyUnit.Record };
        File.WriteAllText(_train, "a record\n");
        using (SiloLedger ledger = SiloLedger.Open(_silo.Home.LedgersFolder, budget.DataSet(_train), _silo.Time))
        {
            ledger.SetLimit(Limit(100m), Sig);
            Assert.Null(ledger.Reserve(Request() with { Terms = [Terms() with { AccountantVersion = "earlier-1" }] }).Refusal);
        }

        using OwnEntries entries = new(_silo.Home, _silo.Post, _silo.Time, isNewHome: true);
        using ModelCache models = new(_silo.Store, _silo.Home);
        new BudgetDesk(_silo.Home, AuditedSilo.Policy() with { TrainFile = _train, Ledger = budget }, models, entries, _silo.Time, (_, _, _) => { }).Dispose();

        LedgerReading reading = LedgerReading.Read(LedgerPaths.Of(_silo.Home.LedgersFolder, "data-1"));
        Assert.Equal(LedgerEntryType.Recompute, reading.Entries[^1].Type);
        Assert.Equal(DpSgdAccountant.Version, Assert.Single(reading.State.Jobs).Value.ByMechanism[LedgerMechanism.Dpsgd].Terms.AccountantVersion);
    }
}
