// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using FedCloud.Protocol.Errors;
using FedCloud.SiloAgent.Budgets;
using FedCloud.SiloAgent.Homes;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary><c>fedcloud-silo budget</c>: what is spent, reserved and left of the silo's privacy budgets; only reads.</summary>
internal static class BudgetCommand
{
    public static Command Create()
    {
        Option<string> home = Invocation.Home();
        Option<bool> json = new("--json") { Description = "Print one JSON document." };
        Command command = new("budget", "Shows the silo's privacy ledgers. Nothing is changed; the agent may be running.") { home, json };
        command.SetAction(parsed =>
        {
            SiloHome opened = SiloHome.Open(parsed.GetRequiredValue(home));
            BudgetReport report = BudgetReport.Read(opened.LedgersFolder, TimeProvider.System.GetUtcNow());
            IEnumerable<string> lines = parsed.GetValue(json) ? [JsonSerializer.Serialize(report, BudgetJson.Default.BudgetReport)] : BudgetText.Lines(report);
            foreach (string line in lines)
            {
                Console.WriteLine(line);
            }

            return (int)ExitCode.Done;
        });
        return command;
    }
}
