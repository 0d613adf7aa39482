// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Safetensors;
using Xunit;

namespace FedCloud.EndToEnd.Tests;

/// <summary>What operator and administrators do in the life of a federation, with the programs they use.</summary>
public sealed class OperatorTests(LocalCoordinator coordinator) : IClassFixture<LocalCoordinator>
{
    private static readonly string[] Names = ["clinic-north", "clinic-south", "bank-hill"];

    [Fact]
    public async Task Federation_FoundsTrainsLosesAnAgentGrowsAndShrinks()
    {
        List<SiloOnDisk> silos = [.. Names.Select(name => new SiloOnDisk(name, coordinator.Folder))];
        List<JsonObject> members = [];
        try
        {
            // Two silos found the federation.
            await EnrolAsync(silos[0], members);
            await EnrolAsync(silos[1], members);
            await AllowAsync(silos[..2], members);
            silos[0].Start();
            silos[1].Start();
            await silos[1].WaitForAsync("member");

            // The first agent dies in the middle of its work and comes back: it takes part all the same, with one update.
            string plan = Path.Combine(coordinator.Folder, "plan.yaml");
            await File.WriteAllTextAsync(plan, "adapter: tiny\nrounds: 2\ntraining:\n  local_steps: 12\n  sequence_length: 64\naggregation:\n  mode: plain\nparticipation:\n  quorum: 2\n  round_deadline: 100\nmetrics:\n  eval_loss: true\n");
            JsonElement run = await JsonAsync("run", "submit", plan, "--base", Path.Combine(Programs.Samples, "base"), "--json");
            string job = run.GetProperty("job").GetString()!;
            await silos[0].WaitForAsync("trainer", round: 1);
            await silos[0].KillAsync();
            silos[0].Start();
            (int exit, string output, string progress) = await CliAsync("run", "watch", job, "--json");
            Assert.True(exit == 0, progress + string.Join('\n', silos[0].Lines));
            JsonElement[] rounds = [.. JsonDocument.Parse(output).RootElement.GetProperty("rounds").EnumerateArray()];
            Assert.Equal(["committed", "committed", "evaluation"], rounds.Select(round => round.GetProperty("outcome").GetString()));
            Assert.All(rounds, round => Assert.Equal(2, round.GetProperty("members").EnumerateObject().Count(member => member.Value.GetProperty("phase").GetString() == "Verified")));

            await ExportAsync(job);
            await ShowAsync(job);
            await AuditAsync(job);
            await ReportAsync(job, silos[0]);

            await RotateWrappingKeyAsync();
            await RehearseAsync();

            // A third silo joins, and the second is removed.
            await EnrolAsync(silos[2], members);
            await RefusePolicyAsync(silos[0]);
            await silos[1].KillAsync();
            await AllowAsync(silos, members);
            await silos[0].WaitForAsync("policy");
            silos[1].Start();
            silos[2].Start();
            await silos[2].WaitForAsync("member");
            Assert.Equal(2, (await JsonAsync("silo", "list", "--json")).GetProperty("roster_version").GetInt32());
            await TrainSecurelyAsync(coordinator.Folder);
            await CliAsync("silo", "revoke", Names[1], "--json");
            await silos[1].WaitForAsync("removed");
            JsonElement list = await JsonAsync("silo", "list", "--json");
            Assert.Equal(3, list.GetProperty("roster_version").GetInt32());
            Assert.Equal([Names[2], Names[0]], list.GetProperty("silos").EnumerateArray().Select(silo => silo.GetProperty("silo").GetString()));

            await RotateLogKeyAsync([silos[0], silos[2]], members);

            // The removed silo is not asked any more.
            JsonElement second = await JsonAsync("run", "submit", plan, "--base", Path.Combine(Programs.Samples, "base"), "--json");
            await silos[2].WaitForAsync("approved");
            JsonElement cancelled = await JsonAsync("run", "cancel", second.GetProperty("job").GetString()!, "--json");
            Assert.Equal(second.GetProperty("job").GetString(), cancelled.GetProperty("job").GetString());
            (int ended, string text, _) = await CliAsync("run", "watch", second.GetProperty("job").GetString()!, "--json");
            Assert.Equal(1, ended);
            JsonElement state = JsonDocument.Parse(text).RootElement.GetProperty("state");
            Assert.Equal("Cancelled", state.GetProperty("phase").GetString());
            Assert.False(state.GetProperty("silos").TryGetProperty(Names[1], out _));
        }
        finally
        {
            foreach (SiloOnDisk silo in silos)
            {
                await silo.DisposeAsync();
            }
        }
    }

    // With three silos a plan that names no mode is aggregated securely; this one's modules have ranks and alphas of their own.
    private async Task TrainSecurelyAsync(string folder)
    {
        string plan = Path.Combine(folder, "secure.yaml");
        await File.WriteAllTextAsync(plan, "adapter: sealed\nrounds: 1\nlora:\n  init_seed: 2\n  rank: 4\n  rank_pattern:\n    q_proj: 6\n  alpha_pattern:\n    down_proj: 3\n  scaling: rslora\ntraining:\n  local_steps: 4\n  sequence_length: 64\nparticipation:\n  round_deadline: 100\nmetrics:\n  eval_loss: false\n");
        JsonElement run = await JsonAsync("run", "submit", plan, "--base", Path.Combine(Programs.Samples, "base"), "--json");
        (int exit, string output, string progress) = await CliAsync("run", "watch", run.GetProperty("job").GetString()!, "--json");
        Assert.True(exit == 0, progress);
        JsonElement round = JsonDocument.Parse(output).RootElement.GetProperty("rounds")[0];
        Assert.Equal(32, round.GetProperty("secure").GetProperty("k").GetInt32());
        Assert.Equal(3, round.GetProperty("members").EnumerateObject().Count(member => member.Value.GetProperty("phase").GetString() == "Verified"));
        await ExportMergedAsync(folder);
    }

    // The released version goes out as PEFT has it, and merged: the same model as when what went out is merged elsewhere.
    private async Task ExportMergedAsync(string folder)
    {
        string samples = Path.Combine(Programs.Samples, "base");
        (string peft, string merged, string elsewhere) = (Path.Combine(folder, "sealed"), Path.Combine(folder, "merged"), Path.Combine(folder, "elsewhere"));
        await JsonAsync("model", "export", "sealed", "--out", peft, "--json");
        await JsonAsync("model", "export", "sealed", "--format", "merged", "--base", samples, "--out", merged, "--json");

        using JsonDocument config = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(peft, "adapter_config.json")));
        Assert.True(config.RootElement.GetProperty("use_rslora").GetBoolean());
        Assert.Equal(4, config.RootElement.GetProperty("r").GetInt32());
        Assert.All(config.RootElement.GetProperty("rank_pattern").EnumerateObject(), module => Assert.Equal(6, module.Value.GetInt32()));
        Assert.All(config.RootElement.GetProperty("alpha_pattern").EnumerateObject(), module => Assert.Equal(3, module.Value.GetInt32()));
        using SafetensorsFile factors = SafetensorsFile.Open(Path.Combine(peft, "adapter_model.safetensors"), SafetensorsLimits.Foreign);
        Assert.All(factors.Header.Tensors, tensor => Assert.Contains(tensor.Name.Contains(".q_proj.", StringComparison.Ordinal) ? 6 : 4, tensor.Shape));

        (int exit, _, string errors) = await Programs.RunAsync(
            Programs.Trainer, new Dictionary<string, string?>(StringComparer.Ordinal), ["merge", "--base", samples, "--adapter", peft, "--out", elsewhere]);
        Assert.True(exit == 0, errors);
        byte[] weights = await File.ReadAllBytesAsync(Path.Combine(merged, "model.safetensors"));
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(elsewhere, "model.safetensors")), weights);
        Assert.NotEqual(await File.ReadAllBytesAsync(Path.Combine(samples, "model.safetensors")), weights);
        Assert.True(File.Exists(Path.Combine(merged, "tokenizer.json")));
    }

    [Fact]
    public async Task Commands_UnknownThings_SayWhatToDo()
    {
        foreach ((string[] arguments, int exit, string line) in ((string[], int, string)[])
        [
            (["run", "show", "no-such-run"], 2, "run_missing: "),
            (["run", "cancel", "no-such-run"], 2, "run_missing: "),
            (["silo", "revoke", "nobody"], 2, "silo_missing: "),
            (["model", "export", "nothing", "--out", Path.Combine(coordinator.Folder, "export")], 2, "model_missing: "),
            (["silo", "invite", "../x", "--out", Path.Combine(coordinator.Folder, "x.json")], 2, "id_malformed: "),
        ])
        {
            (int found, _, string errors) = await CliAsync(arguments);

            Assert.True(found == exit && errors.StartsWith(line, StringComparison.Ordinal), $"{string.Join(' ', arguments)}: {found} {errors}");
        }

        (int unreachable, _, string said) = await Programs.RunAsync(Programs.Cli, new Dictionary<string, string?>(StringComparer.Ordinal) { ["FEDCLOUD_URL"] = "http://127.0.0.1:1", ["FEDCLOUD_TOKEN"] = "x" }, ["run", "list"]);
        Assert.Equal(4, unreachable);
        Assert.StartsWith("coordinator_unreachable: ", said, StringComparison.Ordinal);
    }

    private async Task EnrolAsync(SiloOnDisk silo, List<JsonObject> members)
    {
        string invitation = Path.Combine(coordinator.Folder, silo.Name + ".invitation.json");
        (int exit, _, string errors) = await CliAsync("silo", "invite", silo.Name, "--out", invitation);
        Assert.True(exit == 0, errors);
        Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(invitation) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        members.Add(await silo.InitAsync(invitation));
    }

    private static async Task AllowAsync(IEnumerable<SiloOnDisk> silos, List<JsonObject> members, string? logKey = null)
    {
        foreach (SiloOnDisk silo in silos)
        {
            await silo.AllowAsync(members, Path.Combine(Programs.Samples, "data", silo.Name + ".train.jsonl"), Path.Combine(Programs.Samples, "data", silo.Name + ".eval.jsonl"), logKey);
        }
    }

    // An agent that runs keeps its policy, and says so, when the file is none.
    private static async Task RefusePolicyAsync(SiloOnDisk silo)
    {
        await File.WriteAllTextAsync(Path.Combine(silo.Home, "policy.dsse.json"), "max_rounds: 100");
        string said = (await silo.WaitForAsync("policy_refused")).GetProperty("detail").GetString()!;
        Assert.StartsWith("policy_signature: ", said, StringComparison.Ordinal);
        Assert.Contains(" stays in force", said, StringComparison.Ordinal);
    }

    // The runs that follow are encrypted for it.
    private async Task RotateWrappingKeyAsync()
    {
        (int exit, string text, string errors) = await CliAsync("keys", "rotate", "wrapping");
        Assert.True(exit == 0, errors);
        Assert.Contains("The one before it unwraps until ", text, StringComparison.Ordinal);
        await LoggedAsync("--type", "key_rotated");

        (exit, text, errors) = await CliAsync("keys", "rotate", "wrapping", "--lost");
        Assert.True(exit == 0, errors);
        Assert.Contains("No other version unwraps any more", text, StringComparison.Ordinal);
        await LoggedAsync("--type", "key_replaced");
        string[] statuses = [.. (await JsonAsync("keys", "list", "--json")).GetProperty("keys").EnumerateArray().Where(key => key.GetProperty("key").GetString() == "wrapping").Select(key => key.GetProperty("status").GetString()!)];
        Assert.Equal(["disabled", "disabled", "in_use"], statuses);
    }

    private async Task RehearseAsync()
    {
        string report = Path.Combine(coordinator.Folder, "drill.txt");
        await File.WriteAllTextAsync(report, "rotated at once; no round was lost");
        (int exit, string text, string errors) = await CliAsync("keys", "drill");
        Assert.True(exit == 0, errors);
        Assert.Contains("fedcloud keys rotate wrapping --lost", text, StringComparison.Ordinal);

        JsonElement recorded = await JsonAsync("keys", "drill", "wrapping", "--report", report, "--json");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(report))), recorded.GetProperty("report").GetString());
        await LoggedAsync("--type", "access");

        (exit, _, errors) = await CliAsync("keys", "drill", "wrapping");
        Assert.True(exit == 2 && errors.StartsWith("request_malformed: expected --report", StringComparison.Ordinal), errors);
        (exit, _, errors) = await CliAsync("keys", "drill", "wrapping", "--report", report + ".pdf");
        Assert.True(errors.StartsWith("file_missing: ", StringComparison.Ordinal) && exit != 0, errors);
        (exit, _, errors) = await CliAsync("keys", "drill", "everything", "--report", report);
        Assert.True(errors.StartsWith("request_malformed: expected the name of a row", StringComparison.Ordinal) && exit == 2, errors);
    }

    // The members that are left give the log another key.
    private async Task RotateLogKeyAsync(SiloOnDisk[] silos, List<JsonObject> members)
    {
        JsonElement proposed = await JsonAsync("keys", "rotate", "log", "--json");
        string fingerprint = proposed.GetProperty("keys").EnumerateArray().Single(key => key.GetProperty("status").GetString() == "proposed").GetProperty("spki_sha256").GetString()!;
        (int again, _, string errors) = await CliAsync("keys", "rotate", "log");
        Assert.True(again == 1 && errors.StartsWith("log_key_pending: ", StringComparison.Ordinal), errors);
        foreach (SiloOnDisk silo in silos)
        {
            await silo.KillAsync();
        }

        await AllowAsync(silos, members, fingerprint);
        Array.ForEach(silos, silo => silo.Start());
        await LoggedAsync(entry => PurposeOf(entry) is "lk", "--type", "key_rotated");
        (int exit, string text, _) = await CliAsync("keys", "list");
        Assert.Equal(0, exit);
        Assert.Contains("log       retiring until ", text, StringComparison.Ordinal);
        Assert.Contains($"in use                           {fingerprint}", text, StringComparison.Ordinal);
        (exit, text, errors) = await CliAsync("audit", "verify");
        Assert.True(exit == 0, text + errors);
    }

    private async Task ExportAsync(string job)
    {
        string folder = Path.Combine(coordinator.Folder, "adapter");
        JsonElement export = await JsonAsync("model", "export", "tiny", "--out", folder, "--json");

        Assert.Equal(job, export.GetProperty("job").GetString());
        Assert.Equal(2, export.GetProperty("version").GetInt32());
        Assert.Equal("LORA", JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "adapter_config.json"))).RootElement.GetProperty("peft_type").GetString());
        Assert.Equal(3, (await JsonAsync("model", "list", "--json")).GetProperty("models").GetArrayLength());
        Assert.True((await JsonAsync("model", "show", "tiny", "--json")).GetProperty("latest").GetBoolean());
    }

    private async Task ShowAsync(string job)
    {
        (int exit, string text, _) = await CliAsync("run", "show", job);

        Assert.Equal(0, exit);
        Assert.Contains("2/2 rounds", text, StringComparison.Ordinal);
        Assert.Contains("round 1: committed from 2 silos", text, StringComparison.Ordinal);
        Assert.Equal(job, Assert.Single((await JsonAsync("run", "list", "--json")).GetProperty("runs").EnumerateArray()).GetProperty("job").GetString());
    }

    // The log of that coordinator: asked online, taken away as a file, and read.
    private async Task AuditAsync(string job)
    {
        (int exit, string text, string errors) = await CliAsync("audit", "verify");
        Assert.True(exit == 0, text + errors);

        string evidence = Path.Combine(coordinator.Folder, "evidence.zip");
        (exit, text, errors) = await CliAsync("audit", "export", "--out", evidence, "--recipient", "regulator");
        Assert.True(exit == 0, errors);
        Assert.Contains("fedcloud audit verify --bundle " + evidence, text, StringComparison.Ordinal);
        (exit, text, _) = await Programs.RunAsync(Programs.Cli, new Dictionary<string, string?>(StringComparer.Ordinal) { ["FEDCLOUD_URL"] = null }, ["audit", "verify", "--bundle", evidence]);
        Assert.True(exit == 0, text);

        JsonElement[] results = await EntriesAsync("--bundle", evidence, "--type", "result", "--job", job);
        Assert.Equal([1, 2], results.Select(result => result.GetProperty("entry").GetProperty("round").GetInt32()));
        JsonElement[] updates = await EntriesAsync("--bundle", evidence, "--type", "masked", "--job", job, "--round", "1");
        Assert.Equal([1, 2], updates.Select(entry => entry.GetProperty("entry").GetProperty("fields").GetProperty("idx").GetInt32()).Order());

        // What each administrator allows stands under the administrator's own signature.
        Assert.Equal(Names[..2].Order(StringComparer.Ordinal), (await EntriesAsync("--bundle", evidence, "--type", "policy", "--actor", "admin")).Select(entry => entry.GetProperty("entry").GetProperty("fields").GetProperty("silo").GetString()).Order(StringComparer.Ordinal));

        // The log says who took it away, and which bytes.
        JsonElement exported = Assert.Single(await LoggedAsync("--type", "export"));
        Assert.Equal("regulator", exported.GetProperty("entry").GetProperty("fields").GetProperty("recipient").GetString());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(evidence))), exported.GetProperty("entry").GetProperty("subjects").GetProperty("bundle").GetString());
    }

    // The coordinator hands out the evidence; an administrator lets its silo's entries be shown.
    private async Task ReportAsync(string job, SiloOnDisk silo)
    {
        (string consent, string report) = (Path.Combine(coordinator.Folder, "consent.json"), Path.Combine(coordinator.Folder, "report"));
        (int exit, _, string errors) = await Programs.RunAsync(Programs.Silo, new Dictionary<string, string?>(StringComparer.Ordinal), ["report", "consent", job, "--framework", "dora", "--out", consent, "--home", silo.Home]);
        Assert.True(exit == 0, errors);
        (exit, string text, errors) = await CliAsync("audit", "report", "--framework", "dora", "--run", job, "--out", report, "--consent", consent);
        Assert.True(exit == 0, errors);
        Assert.Contains("The evidence verifies.", text, StringComparison.Ordinal);
        Assert.Contains(Directory.GetFiles(Path.Combine(report, "entries")), file => File.ReadAllText(file).Contains($"\"id\":\"{silo.Name}\"", StringComparison.Ordinal));
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(report, "entries")), file => File.ReadAllText(file).Contains($"\"id\":\"{Names[1]}\"", StringComparison.Ordinal));
        (exit, text, _) = await Programs.RunAsync(Programs.Cli, new Dictionary<string, string?>(StringComparer.Ordinal) { ["FEDCLOUD_URL"] = null }, ["audit", "verify", "--bundle", Path.Combine(report, "evidence.zip")]);
        Assert.True(exit == 0, text);

        // What both silos measured on the last version, and what the one measured that consents.
        JsonElement shown = await JsonAsync("run", "show", job, "--json");
        double[] losses = [.. shown.GetProperty("rounds").EnumerateArray().Last().GetProperty("members").EnumerateObject().Select(member => double.Parse(member.Value.GetProperty("metrics").GetProperty("eval_loss").GetString()!, CultureInfo.InvariantCulture))];
        using JsonDocument card = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(report, "model-cards", "model-card-v2.json")));
        JsonElement[] fields = [.. card.RootElement.GetProperty("groups").EnumerateArray().Single(group => group.GetProperty("key").GetString() == "evaluation").GetProperty("fields").EnumerateArray()];
        double Value(string key) => double.Parse(Assert.Single(fields.Single(field => field.GetProperty("key").GetString() == key).GetProperty("values").EnumerateArray()).GetProperty("value").GetString()!, CultureInfo.InvariantCulture);
        Assert.Equal(2, losses.Length);
        Assert.Equal(losses.Average(), Value("loss"), 1e-6);
        Assert.Equal(losses.Max(), Value("worst_silo"));
        Assert.Contains(Value("silo_metrics"), losses);
    }

    private static string? PurposeOf(JsonElement logged) => logged.GetProperty("entry").GetProperty("fields").GetProperty("purpose").GetString();

    // What was just done is in the log when its batch is written, and is handed out when witnesses have signed it.
    private Task<JsonElement[]> LoggedAsync(params string[] arguments) => LoggedAsync(static _ => true, arguments);

    private async Task<JsonElement[]> LoggedAsync(Func<JsonElement, bool> holds, params string[] arguments)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(1));
        while (true)
        {
            if (await EntriesAsync(arguments) is { Length: > 0 } entries && entries.Any(holds))
            {
                return entries;
            }

            Assert.False(limit.IsCancellationRequested, $"nothing in the log: {string.Join(' ', arguments)}");
            await Task.Delay(100, CancellationToken.None);
        }
    }

    private async Task<JsonElement[]> EntriesAsync(params string[] arguments)
    {
        (int exit, string text, string errors) = await CliAsync(["audit", "show", "--json", .. arguments]);
        Assert.True(exit == 0, errors);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    private async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        (int exit, string output, string errors) = await CliAsync(arguments);
        Assert.True(exit == 0, $"{string.Join(' ', arguments)}: {errors}");
        return JsonDocument.Parse(output).RootElement;
    }

    private Task<(int Exit, string Output, string Errors)> CliAsync(params string[] arguments) => Programs.RunAsync(
        Programs.Cli,
        new Dictionary<string, string?>(StringComparer.Ordinal) { ["FEDCLOUD_URL"] = coordinator.Address.AbsoluteUri, ["FEDCLOUD_TOKEN"] = LocalCoordinator.Token },
        arguments);
}
