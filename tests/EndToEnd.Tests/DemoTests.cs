// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Text.Json;
using Xunit;
using Xunit.Abstractions;

namespace FedCloud.EndToEnd.Tests;

/// <summary>The demo as a newcomer runs it: real processes on loopback.</summary>
public sealed class DemoTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Demo_TwoSilosTwoRounds_LowersTheLossAndLeavesNothingRunning()
    {
        string folder = Directory.CreateTempSubdirectory("demo").FullName;

        (int exit, string json, string progress) = await RunAsync("demo", "--silos", "2", "--rounds", "2", "--out", folder, "--no-alone", "--json");

        output.WriteLine(progress);
        Assert.True(exit == 0, progress);
        JsonElement report = JsonDocument.Parse(json).RootElement;
        Assert.Equal(2, report.GetProperty("rounds").GetArrayLength());
        Assert.All(report.GetProperty("perSilo").EnumerateArray(), silo =>
            Assert.True(silo.GetProperty("evalLossFinal").GetDouble() < silo.GetProperty("evalLossBase").GetDouble()));
        Assert.False(report.TryGetProperty("comparison", out _));
        Assert.True(File.Exists(Path.Combine(folder, "adapter", "adapter_model.safetensors")));
        Assert.True(File.Exists(Path.Combine(folder, "adapter", "adapter_config.json")));
        await RequireVerifiedAsync(report, Path.Combine(folder, "evidence.zip"), progress);
        Assert.Empty(Processes(folder));
    }

    [Fact]
    public async Task Demo_PrivateSample_LearnsUnderNoiseAndChargesEverySilo()
    {
        string folder = Directory.CreateTempSubdirectory("demo").FullName;

        (int exit, string json, string progress) = await RunAsync("demo", "--plan", Path.Combine(Programs.Samples, "private.yaml"), "--silos", "3", "--rounds", "2", "--out", folder, "--json");

        output.WriteLine(progress);
        Assert.True(exit == 0, progress);
        JsonElement report = JsonDocument.Parse(json).RootElement;
        Assert.Equal("demonstration", report.GetProperty("epsilon").GetString());
        Assert.True(report.GetProperty("evalLossFinal").GetDouble() < report.GetProperty("evalLossBase").GetDouble(), progress);
        Assert.Equal("privacy: example-level, one record in a silo added or removed, against coordinator, other silos and users of the model; epsilon at most 8 at delta 1e-5 a silo, by PLD (fedcloud-1), exact noise; public data, so epsilon is a demonstration", report.GetProperty("privacy").GetString());
        Assert.All(report.GetProperty("perSilo").EnumerateArray(), silo =>
        {
            JsonElement budget = silo.GetProperty("budget");
            Assert.InRange(budget.GetProperty("runEpsilon").GetDouble(), 7.9, 8);
            Assert.Equal((2, 3), (budget.GetProperty("roundsCharged").GetInt32(), budget.GetProperty("roundsReserved").GetInt32()));
            double left = budget.GetProperty("epsilonMax").GetDouble() - budget.GetProperty("epsilonSpent").GetDouble();
            Assert.InRange(budget.GetProperty("epsilonLeft").GetDouble(), 1, left + 1e-9);
        });
        await RequireVerifiedAsync(report, Path.Combine(folder, "evidence.zip"), progress);
    }

    [Fact]
    public async Task Demo_DistributedSample_LearnsUnderSharesOfNoiseAndChargesEverySilo()
    {
        string folder = Directory.CreateTempSubdirectory("demo").FullName;

        (int exit, string json, string progress) = await RunAsync("demo", "--plan", Path.Combine(Programs.Samples, "distributed.yaml"), "--silos", "3", "--rounds", "3", "--out", folder, "--json");

        output.WriteLine(progress);
        Assert.True(exit == 0, progress);
        JsonElement report = JsonDocument.Parse(json).RootElement;
        Assert.Equal("demonstration", report.GetProperty("epsilon").GetString());
        Assert.True(report.GetProperty("evalLossFinal").GetDouble() < report.GetProperty("evalLossBase").GetDouble() - 0.5, progress);
        Assert.StartsWith("privacy: distributed, one record in a silo added or removed", report.GetProperty("privacy").GetString(), StringComparison.Ordinal);
        Assert.All(report.GetProperty("perSilo").EnumerateArray(), silo =>
        {
            JsonElement budget = silo.GetProperty("budget");
            Assert.InRange(budget.GetProperty("runEpsilon").GetDouble(), 3.5, 4.5); // four rounds with noise 2.32
            Assert.Equal((3, 4), (budget.GetProperty("roundsCharged").GetInt32(), budget.GetProperty("roundsReserved").GetInt32()));
        });
        await RequireVerifiedAsync(report, Path.Combine(folder, "evidence.zip"), progress);
    }

    [Fact]
    public async Task Demo_UnitPerson_TrainsOnExamplesOfPersonsAndChargesThem()
    {
        string folder = Directory.CreateTempSubdirectory("demo").FullName;
        string data = Directory.CreateDirectory(Path.Combine(folder, "data")).FullName;
        string target = Path.Combine(folder, "out");
        string[] names = ["bank-hill", "clinic-north", "clinic-south"];
        foreach (string name in names)
        {
            string[] records = await File.ReadAllLinesAsync(Path.Combine(Programs.Samples, "data", name + ".train.jsonl"));
            await File.WriteAllLinesAsync(Path.Combine(data, name + ".train.jsonl"), records.Select((record, i) => $"{{\"person\":\"p-{i / 3}\",{record[1..]}"));
            File.Copy(Path.Combine(Programs.Samples, "data", name + ".eval.jsonl"), Path.Combine(data, name + ".eval.jsonl"));
        }

        string plan = Path.Combine(folder, "plan.yaml");
        string sample = await File.ReadAllTextAsync(Path.Combine(Programs.Samples, "private.yaml"));
        await File.WriteAllTextAsync(plan, sample.Replace("unit: record", "unit: person", StringComparison.Ordinal).Replace("expected_batch: 24", "expected_batch: 8", StringComparison.Ordinal));

        (int exit, _, string progress) = await RunAsync("demo", "--plan", plan, "--data", data, "--rounds", "1", "--out", target, "--no-alone", "--json");

        output.WriteLine(progress);
        Assert.True(exit == 0, progress);
        string[] ledgers = Directory.GetFiles(target, "*.jsonl", SearchOption.AllDirectories).Where(path => Path.GetFileName(Path.GetDirectoryName(path)) == "ledgers").ToArray();
        Assert.Equal(names.Order(StringComparer.Ordinal), ledgers.Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));
        Assert.All(ledgers, path =>
        {
            JsonElement[] entries = [.. File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement)];
            Assert.Equal(["limit", "reserve", "charge", "settle"], entries.Select(entry => entry.GetProperty("type").GetString()));
            Assert.All(entries.SkipLast(1), entry => Assert.Equal("person", entry.GetProperty("unit").GetString()));
            Assert.Equal("0.5", entries[2].GetProperty("q").GetString());
        });
    }

    // The demo's own verdict, and an outsider's on the file that it left.
    private static async Task RequireVerifiedAsync(JsonElement report, string evidence, string progress)
    {
        Assert.True(report.GetProperty("auditVerified").GetBoolean(), progress);
        (int exit, string lines, string error) = await RunAsync("audit", "verify", "--bundle", evidence, "--json");
        Assert.True(exit == 0, lines + error);
        JsonElement verdict = JsonDocument.Parse(lines.TrimEnd().Split('\n')[^1]).RootElement;
        Assert.Equal((true, report.GetProperty("auditEntries").GetInt64()), (verdict.GetProperty("verified").GetBoolean(), verdict.GetProperty("entries").GetInt64()));

        byte[] bytes = await File.ReadAllBytesAsync(evidence);
        bytes[bytes.Length / 3] ^= 1;
        await File.WriteAllBytesAsync(evidence, bytes);
        (exit, _, _) = await RunAsync("audit", "verify", "--bundle", evidence);
        Assert.True(exit is 2 or 6, $"exit {exit}");
    }

    [Fact]
    public async Task Demo_AsShipped_PaysForEverySilo()
    {
        string folder = Directory.CreateTempSubdirectory("demo").FullName;

        (int exit, string json, string progress) = await RunAsync("demo", "--out", folder, "--json");

        output.WriteLine(progress);
        Assert.True(exit == 0, progress);
        JsonElement report = JsonDocument.Parse(json).RootElement;
        JsonElement comparison = report.GetProperty("comparison");
        double federated = comparison.GetProperty("unionEvalLossFinal").GetDouble();
        JsonElement[] silos = [.. report.GetProperty("perSilo").EnumerateArray()];
        Assert.Equal(4, silos.Length);
        Assert.All(silos, silo =>
        {
            double alone = silo.GetProperty("evalLossLocalOnly").GetDouble();
            Assert.InRange(silo.GetProperty("evalLossFinal").GetDouble(), 0.1, alone);
            Assert.InRange(alone, 0.1, silo.GetProperty("evalLossBase").GetDouble());
            Assert.True(federated < silo.GetProperty("unionEvalLossLocalOnly").GetDouble(), progress);
        });
        Assert.Equal(200, comparison.GetProperty("steps").GetInt64());
        Assert.Equal(256, comparison.GetProperty("unionExamples").GetInt32());
        Assert.True(comparison.GetProperty("beatsEveryLocalOnly").GetBoolean());
        Assert.Empty(comparison.GetProperty("betterAlone").EnumerateArray());
        Assert.Contains("beats every silo's own adapter on all silos' 256 evaluation examples.", progress, StringComparison.Ordinal);
        Assert.Contains("no silo would be better off alone.", progress, StringComparison.Ordinal);
        Assert.Empty(Processes(folder));
    }

    [Fact]
    public async Task Demo_WithStepsAtHome_ComparesThemWithAsManyAlone()
    {
        string folder = Directory.CreateTempSubdirectory("demo").FullName;

        (int exit, string json, string progress) = await RunAsync("demo", "--silos", "2", "--rounds", "1", "--at-home", "20", "--out", folder, "--json");

        Assert.True(exit == 0, progress);
        JsonElement report = JsonDocument.Parse(json).RootElement;
        JsonElement comparison = report.GetProperty("comparison");
        Assert.Equal((60, 20), (comparison.GetProperty("steps").GetInt32(), comparison.GetProperty("stepsAtHome").GetInt32()));
        JsonElement[] silos = [.. report.GetProperty("perSilo").EnumerateArray()];
        Assert.All(silos, silo => Assert.InRange(silo.GetProperty("evalLossAtHome").GetDouble(), 0.1, silo.GetProperty("evalLossFinal").GetDouble() - 0.1));
        Assert.Equal(
            silos.Where(silo => silo.GetProperty("evalLossLocalOnly").GetDouble() < silo.GetProperty("evalLossAtHome").GetDouble()).Select(silo => silo.GetProperty("silo").GetString()),
            comparison.GetProperty("betterAlone").EnumerateArray().Select(silo => silo.GetString()));
        Assert.Contains("federated  then at home", progress, StringComparison.Ordinal);
        Assert.Contains("With 40 steps a silo, against 60 alone,", progress, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Demo_AgentKilledAfterTheFirstRound_OpensTheSumWithoutIt()
    {
        string folder = Directory.CreateTempSubdirectory("demo").FullName;
        string plan = Path.Combine(folder, "plan.yaml");
        File.WriteAllText(plan, "rounds: 2\ntraining:\n  local_steps: 10\naggregation:\n  secure:\n    ring_bits: 24\nparticipation:\n  quorum: 2\n  round_deadline: 120\n  straggler_grace: 2\n");
        bool killed = false;

        (int exit, string json, string progress) = await RunAsync(
            line =>
            {
                if (!killed && line.StartsWith("round 1: sum of 4 of 4 silos", StringComparison.Ordinal))
                {
                    killed = true;
                    Processes(Path.Combine(folder, "out")).First(process => process.Line.Contains("clinic-north", StringComparison.Ordinal) && process.Line.Contains("fedcloud-silo", StringComparison.Ordinal)).Process.Kill();
                }
            },
            "demo", "--silos", "4", "--plan", plan, "--out", Path.Combine(folder, "out"), "--no-alone", "--json");

        output.WriteLine(progress);
        Assert.True(exit is 0, progress);
        Assert.Contains("Secure aggregation: the coordinator sees only sums; 3 of 4 silos are needed to open one.", progress, StringComparison.Ordinal);
        Assert.Contains("round 2: sum of 3 of 4 silos; without clinic-north (before masking: deadline_missed)", progress, StringComparison.Ordinal);
        Assert.Contains("ring of 24 bits", progress, StringComparison.Ordinal);
        JsonElement report = JsonDocument.Parse(json).RootElement;
        JsonElement second = report.GetProperty("rounds")[1];
        Assert.Equal("deadline_missed", second.GetProperty("dropped").GetProperty("clinic-north").GetString());
        Assert.Equal(3, second.GetProperty("participants").GetArrayLength());
        Assert.True(report.GetProperty("auditVerified").GetBoolean(), progress);
        Assert.Equal(2, report.GetProperty("auditSums").GetInt32());
    }

    [Fact]
    public async Task Demo_Interrupted_LeavesNothingRunning()
    {
        string folder = Directory.CreateTempSubdirectory("demo").FullName;
        int demo = 0;

        (int exit, _, string progress) = await RunAsync(
            line =>
            {
                if (line.Contains("signed the roster", StringComparison.Ordinal))
                {
                    Process.Start("kill", ["-INT", $"{demo}"])!.WaitForExit();
                }
            },
            started => demo = started,
            "demo", "--silos", "2", "--out", folder);

        Assert.True(exit == 130, progress);
        Assert.Empty(Processes(folder));
    }

    private static Task<(int Exit, string Output, string Errors)> RunAsync(params string[] arguments) => RunAsync(_ => { }, _ => { }, arguments);

    private static Task<(int Exit, string Output, string Errors)> RunAsync(Action<string> line, params string[] arguments) => RunAsync(line, _ => { }, arguments);

    private static Task<(int Exit, string Output, string Errors)> RunAsync(Action<string> line, Action<int> started, params string[] arguments) =>
        Programs.RunAsync(Programs.Cli, new Dictionary<string, string?>(StringComparer.Ordinal), arguments, line, started);

    // Processes whose command line names the demo's folder.
    private static List<(Process Process, string Line)> Processes(string folder)
    {
        List<(Process, string)> found = [];
        foreach (Process process in Process.GetProcesses())
        {
            string path = $"/proc/{process.Id}/cmdline";
            try
            {
                string text = File.Exists(path) ? File.ReadAllText(path).Replace('\0', ' ') : string.Empty;
                if (text.Contains(folder, StringComparison.Ordinal) && !text.Contains("fedcloud demo", StringComparison.Ordinal) && process.Id != Environment.ProcessId)
                {
                    found.Add((process, text));
                }
            }
            catch (IOException)
            {
                // it ended while we looked
            }
        }

        return found;
    }
}
