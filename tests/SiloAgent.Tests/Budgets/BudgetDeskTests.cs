// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
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
    private readonly List<string> _news = [];
    private readonly OwnEntries _entries;
    private readonly ModelCache _models;

    public BudgetDeskTests()
    {
        File.WriteAllText(_train, "a record\n");
        _entries = new OwnEntries(_silo.Home, _silo.Post, _silo.Time, isNewHome: true);
        _models = new ModelCache(_silo.Store, _silo.Home);
    }

    public void Dispose()
    {
        _models.Dispose();
        _entries.Dispose();
        File.Delete(_train);
        _silo.Dispose();
    }

    [Fact]
    public void Open_ChargesOfAnotherAccountant_AreCountedAnew()
    {
        LedgerPolicy budget = Budget;
        using (SiloLedger ledger = SiloLedger.Open(_silo.Home.LedgersFolder, budget.DataSet(_train), _silo.Time))
        {
            ledger.SetLimit(Limit(100m), Sig);
            Assert.Null(ledger.Reserve(Request() with { Terms = [Terms() with { AccountantVersion = "earlier-1" }] }).Refusal);
        }

        Open(budget).Dispose();

        LedgerReading reading = LedgerReading.Read(LedgerPaths.Of(_silo.Home.LedgersFolder, "data-1"));
        Assert.Equal(LedgerEntryType.Recompute, reading.Entries[^1].Type);
        Assert.Equal(DpSgdAccountant.Version, Assert.Single(reading.State.Jobs).Value.ByMechanism[LedgerMechanism.Dpsgd].Terms.AccountantVersion);
    }

    [Fact]
    public async Task Reserve_ClockMoreThanADayOff_IsRefusedInTheLogWithoutFigures_AndShownHere()
    {
        using BudgetDesk desk = Open(Budget);
        RunConfig plan = Plan(PrivacyClaim.Example);
        DateTimeOffset now = _silo.Time.GetUtcNow();

        desk.Take(new LogTime(now.AddDays(2), null, null));
        Assert.Equal(ErrorCodes.ClockOff, await desk.ReserveAsync(plan, CancellationToken.None));
        await _entries.SendAsync(CancellationToken.None);

        LogEntry refusal = Assert.Single(await _silo.TakeEntriesAsync());
        Assert.Equal((EntryTypes.Budget, "refuse", plan.Job), (refusal.Type, refusal.Fields["code"].Text, refusal.Job));
        Assert.Contains(_news, line => line.Contains("clock_off: this machine's clock says 2027-01-15T08:00:00Z, the log 2027-01-17T08:00:00Z, more than 24 h apart", StringComparison.Ordinal));

        // The policy was not signed here, so the clock is all that can be in the way before its file is.
        desk.Take(new LogTime(now, now, now));
        Assert.Equal(ErrorCodes.DatasetChanged, (await Assert.ThrowsAsync<FedCloudException>(() => desk.ReserveAsync(plan, CancellationToken.None))).Code);
    }

    [Fact]
    public async Task EpsilonExcludes_WhatThePolicyNamesAndWhatTrainedOnPrivateData()
    {
        using (BudgetDesk desk = Open(Budget with { UnaccountedRuns = [new("run-7")] }))
        {
            Assert.Equal(["run-7"], Excluded());
            Assert.Null(await desk.PrivacyAsync(Plan(PrivacyClaim.None) with { Data = "public" }, CancellationToken.None));
            Assert.Equal(["run-7"], Excluded());
            Assert.Null(await desk.PrivacyAsync(Plan(PrivacyClaim.None), CancellationToken.None));
            Assert.Equal(["run-1", "run-7"], Excluded());
        }

        Open(Budget).Dispose();
        Assert.Equal(["run-1"], Excluded());
    }

    [Fact]
    public async Task EpsilonExcludes_APolicyThatIsSigned_BeforeAnyAgentStarts()
    {
        SiloPolicy policy = AuditedSilo.Policy() with { TrainFile = _train, Ledger = Budget with { UnaccountedRuns = [new("run-7")] } };

        await PolicySigning.SignAsync(_silo.Home, policy, _silo.Time, CancellationToken.None);

        Assert.Equal(["run-7"], Excluded());
    }

    private static LedgerPolicy Budget => new() { DatasetUid = "data-1", Records = 100, EpsilonMax = 100, DeltaMax = 0.00001m, Unit = PrivacyUnit.Record };

    private BudgetDesk Open(LedgerPolicy budget) =>
        new(_silo.Home, AuditedSilo.Policy() with { TrainFile = _train, Ledger = budget }, _models, _entries, _silo.Time, (_, _, news) => _news.Add(news.Text));

    private IEnumerable<string> Excluded() =>
        Assert.Single(BudgetReport.Read(_silo.Home.LedgersFolder, Now).Ledgers).EpsilonExcludes.Select(run => run.Value);

    private static RunConfig Plan(PrivacyClaim claim)
    {
        RunConfig plan = PlanReader.Require(PlanReader.Read(
            new PlanMapping(0, [new PlanEntry(0, "aggregation", new PlanMapping(0, [new PlanEntry(0, "mode", new PlanScalar(0, "plain", Quoted: false))]))]),
            new Dictionary<string, string>(StringComparer.Ordinal) { ["job"] = "run-1", ["federation"] = "test-federation", ["base_model"] = Sha256Digest.Zero.Hex }));
        return plan with { Privacy = plan.Privacy with { Claim = claim, Epsilon = 8 } };
    }
}
