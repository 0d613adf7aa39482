// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.SiloAgent.Budgets;
using FedCloud.SiloAgent.Tests.Audit;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.SiloAgent.Tests.Budgets;

/// <summary>Transcripts of <c>fedcloud-silo budget</c>, run as a process.</summary>
public sealed class BudgetCommandTests : IDisposable
{
    private readonly AuditedSilo _silo = new();

    private string HomeFolder => Path.GetDirectoryName(_silo.Home.LedgersFolder)!;

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task Budget_WhileAnAgentWrites_ShowsTheLedgerAndChangesNothing()
    {
        Assert.Equal((0, "No ledger: no data set of this home has a privacy budget yet.\n", string.Empty), await AgentProcess.RunAsync("budget", "--home", HomeFolder));
        string file = Path.Combine(HomeFolder, "train.jsonl");
        await File.WriteAllTextAsync(file, "a record\n");
        using SiloLedger ledger = SiloLedger.Open(_silo.Home.LedgersFolder, new LedgerDataSet { Uid = "data-1", TrainFile = file }, TimeProvider.System);
        ledger.SetLimit(Limit(4m), Sig);
        ledger.Reserve(Request());
        byte[] before = await File.ReadAllBytesAsync(Path.Combine(_silo.Home.LedgersFolder, "data-1.jsonl"));

        (int textCode, string text, _) = await AgentProcess.RunAsync("budget", "--home", HomeFolder);
        (int jsonCode, string json, _) = await AgentProcess.RunAsync("budget", "--home", HomeFolder, "--json");

        Assert.Equal((0, 0), (textCode, jsonCode));
        Assert.StartsWith("data-1: limit epsilon 4 at delta 0.00001, unit record, over its lifetime\n", text, StringComparison.Ordinal);
        Assert.Contains("run-1  reserved  dpsgd      record  0 of 10  2.5000   0.00001  1.1  0.02", text, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(json);
        Assert.Equal("run-1", document.RootElement.GetProperty("ledgers")[0].GetProperty("jobs")[0].GetProperty("job").GetString());
        Assert.Equal(before, await File.ReadAllBytesAsync(Path.Combine(_silo.Home.LedgersFolder, "data-1.jsonl")));
        Assert.Null(ledger.Charge(ChargeOf()).Refusal);
    }

    [Fact]
    public async Task Budget_BrokenLedger_IsOneLineAndTheCodeOfVerification()
    {
        string file = Path.Combine(HomeFolder, "train.jsonl");
        await File.WriteAllTextAsync(file, "a record\n");
        using (SiloLedger ledger = SiloLedger.Open(_silo.Home.LedgersFolder, new LedgerDataSet { Uid = "data-1", TrainFile = file }, TimeProvider.System))
        {
            ledger.SetLimit(Limit(4m), Sig);
        }

        await File.WriteAllTextAsync(Path.Combine(_silo.Home.LedgersFolder, "data-1.jsonl"), string.Empty);

        await AgentProcess.RequireRefusedAsync(6, "ledger_broken: ", "budget", "--home", HomeFolder);
    }
}
