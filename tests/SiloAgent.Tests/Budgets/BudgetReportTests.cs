// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;
using FedCloud.SiloAgent.Budgets;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.SiloAgent.Tests.Budgets;

public sealed class BudgetReportTests
{
    private readonly LedgerHome _home = new();

    [Fact]
    public void Text_NoLedger_IsSaidPlainly()
    {
        Assert.Equal(["No ledger: no data set of this home has a privacy budget yet."], BudgetText.Lines(BudgetReport.Read(_home.Folder, Now)));
        Assert.False(Directory.Exists(_home.Folder));
    }

    [Fact]
    public void Text_LedgerInUse_ShowsLimitNeedAndJobs()
    {
        using SiloLedger ledger = Written();
        File.AppendAllText(_home.Paths().Entries, "{\"torn");

        string[] lines = [.. BudgetText.Lines(BudgetReport.Read(_home.Folder, Now))];

        Assert.Equal(
            [
                "data-1: limit epsilon 4 at delta 0.00001, unit record, over its lifetime",
                "  records    1000",
                "  manifest   " + Hash("file").Hex,
                "  needed     2.7261  (epsilon of the limit that all that is spent and reserved needs)",
                "  left       1.2739",
                "  past year  1.5030  (what 5 rounds charged in the last 365 days would need alone; for information, the limit counts all time)",
                "  torn       the last line is half written (6 bytes) and does not count; the agent cuts it when it starts",
                "  job    state                       mechanism  unit    rounds                    epsilon  delta    z    q",
                "  run-1  reserved                    dpsgd      record  1 of 10                   2.5000   0.00001  1.1  0.02",
                "                                     metric     record  0 of 10                   2.5000   0.00001  1.1  1",
                "  run-2  settled                     dpsgd      record  1 of 3                    2.5000   0.00001  1.1  0.02",
                "  run-3  barred                      dpsgd      record  0 of 3, 3 count as spent  2.5000   0.00001  1.1  0.02",
                "  run-4  refused (budget_exhausted)  -          -       -                         -        -        -    -",
            ],
            lines);
    }

    [Fact]
    public void Json_LedgerInUse_HasTheSameFigures()
    {
        using SiloLedger ledger = Written();

        using JsonDocument document = JsonDocument.Parse(JsonSerializer.Serialize(BudgetReport.Read(_home.Folder, Now), BudgetJson.Default.BudgetReport));

        JsonElement first = Assert.Single(document.RootElement.GetProperty("ledgers").EnumerateArray().ToArray());
        Assert.Equal("data-1", first.GetProperty("name").GetString());
        Assert.Equal(4m, first.GetProperty("limit").GetProperty("epsMax").GetDecimal());
        Assert.Equal(ledger.State.RequiredEpsilon, first.GetProperty("requiredEpsilon").GetDecimal());
        Assert.Equal(4m - ledger.State.RequiredEpsilon, first.GetProperty("remainingEpsilon").GetDecimal());
        Assert.Equal("lifetime", first.GetProperty("limit").GetProperty("period").GetString());
        Assert.Equal((365, 5), (first.GetProperty("recent").GetProperty("days").GetInt32(), first.GetProperty("recent").GetProperty("charges").GetInt32()));
        Assert.Equal(LedgerFilter.RequiredEpsilon(Terms().Rdp.Times(5), 0.00001), first.GetProperty("recent").GetProperty("epsilonAlone").GetDecimal());
        Assert.Equal(ledger.Head.Hex, first.GetProperty("head").GetString());
        JsonElement job = first.GetProperty("jobs")[1];
        Assert.Equal("settled", job.GetProperty("state").GetString());
        Assert.Equal((1, 3), (job.GetProperty("mechanisms")[0].GetProperty("charged").GetInt32(), job.GetProperty("mechanisms")[0].GetProperty("rounds").GetInt32()));
    }

    [Fact]
    public void Text_NothingSpentYet_LeavesTheWholeLimit()
    {
        using SiloLedger ledger = _home.Open();
        Assert.Contains("data-1: no limit, so nothing can be spent", BudgetText.Lines(BudgetReport.Read(_home.Folder, Now)));

        ledger.SetLimit(Limit(4m), Sig);

        string[] lines = [.. BudgetText.Lines(BudgetReport.Read(_home.Folder, Now))];
        Assert.Contains("  left       4.0000", lines);
        Assert.Contains("  no job has asked for a reserve", lines);
    }

    [Fact]
    public void PastYear_OlderCharges_AreInTheLimitOnly()
    {
        using SiloLedger ledger = Written();
        LedgerReport Report(int days) => Assert.Single(BudgetReport.Read(_home.Folder, Now.AddDays(days)).Ledgers);

        Assert.Equal((365, 5), (Report(0).Recent.Days, Report(365).Recent.Charges));
        Assert.Equal(LedgerFilter.RequiredEpsilon(Terms().Rdp.Times(5), 0.00001), Report(365).Recent.EpsilonAlone);
        Assert.Equal((0, 0m), (Report(366).Recent.Charges, Report(366).Recent.EpsilonAlone));
        Assert.Equal(ledger.State.RequiredEpsilon, Report(366).RequiredEpsilon);
        Assert.Contains(BudgetText.Lines(BudgetReport.Read(_home.Folder, Now.AddDays(366))), line => line.StartsWith("  past year  0.0000  (what 0 rounds", StringComparison.Ordinal));
    }

    [Fact]
    public void PastYear_AnotherAccountant_CountsTheLargerValue()
    {
        using SiloLedger ledger = _home.Charged();
        ledger.Recompute("later-1", terms => terms.Rdp.Times(2));

        Assert.Equal(LedgerFilter.RequiredEpsilon(Terms().Rdp.Times(2), 0.00001), Assert.Single(BudgetReport.Read(_home.Folder, Now).Ledgers).Recent.EpsilonAlone);
    }

    [Fact]
    public void EpsilonExcludes_RunsThatThePolicyNames_AndForGoodThoseThatUsedTheData()
    {
        using SiloLedger ledger = _home.Charged();
        IEnumerable<string> Lines() => BudgetText.Lines(BudgetReport.Read(_home.Folder, Now)).Where(line => line.Contains("excludes", StringComparison.Ordinal));
        Assert.Empty(Lines());

        ledger.NameExcluded([new("run-8"), new("run-7")]);
        ledger.MarkUsed(new("run-9"));
        ledger.MarkUsed(new("run-8"));
        ledger.MarkUsed(new("run-8"));
        Assert.Equal(["  epsilon excludes: run-7, run-8, run-9"], Lines());

        ledger.NameExcluded([]);
        Assert.Equal(["  epsilon excludes: run-8, run-9"], Lines());
        using JsonDocument document = JsonDocument.Parse(JsonSerializer.Serialize(BudgetReport.Read(_home.Folder, Now), BudgetJson.Default.BudgetReport));
        Assert.Equal(["run-8", "run-9"], document.RootElement.GetProperty("ledgers")[0].GetProperty("epsilonExcludes").EnumerateArray().Select(run => run.GetString()));
    }

    [Fact]
    public void EpsilonExcludes_DamagedFile_IsNoEmptyList()
    {
        using SiloLedger ledger = _home.Charged();
        ledger.NameExcluded([new("run-7")]);
        File.WriteAllText(_home.Paths().Excluded, "{\"named\":[]}");

        Assert.Equal(ErrorCodes.LedgerBroken, Assert.Throws<FedCloudException>(() => BudgetReport.Read(_home.Folder, Now)).Code);
        Assert.Equal(ErrorCodes.LedgerBroken, Assert.Throws<FedCloudException>(() => ledger.MarkUsed(new("run-8"))).Code);
    }

    private SiloLedger Written()
    {
        SiloLedger ledger = _home.Open();
        ledger.SetLimit(Limit(4m), Sig);
        ledger.Reserve(Request("run-1", 10, Terms(), Terms(0.001m, LedgerMechanism.Metric)));
        ledger.Charge(ChargeOf());
        ledger.Reserve(Request("run-2", 3));
        ledger.Charge(ChargeOf("run-2"));
        ledger.Settle(new("run-2"));
        ledger.Reserve(Request("run-3", 3));
        ledger.Bar([new LoggedReserve(new("run-3"), 1, null)]);
        ledger.Reserve(Request("run-4", 1000));
        return ledger;
    }
}
