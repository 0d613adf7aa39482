// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Xunit;

namespace FedCloud.Cli.Tests;

/// <summary>Commands as a person types them: arguments, exit code, output.</summary>
public sealed class TranscriptTests
{
    [Theory]
    [InlineData("demo.yaml")]
    [InlineData("private.yaml")]
    [InlineData("private-text.yaml")]
    [InlineData("rolora.yaml")]
    [InlineData("fedadam.yaml")]
    public async Task PlanValidate_Samples_AreValid(string plan)
    {
        (int exit, string output, string errors) = await CliProcess.RunAsync("plan", "validate", Path.Combine(AppContext.BaseDirectory, "samples", plan));

        Assert.Equal((0, "The plan is valid.\n", string.Empty), (exit, output, errors));
    }

    [Theory]
    [InlineData("rownds: 3\n", "plan_unknown_field: line 1: there is no field 'rownds'; the nearest is rounds.")]
    [InlineData("rounds: 3\nlora:\n  rank: 0\n", "plan_invalid_value: line 3: lora.rank: expected integer from 1 to 1024, found '0'.")]
    [InlineData("algorithm: krum\naggregation:\n  mode: plain\n", "algorithm_unavailable: line 1: algorithm krum: it compares single updates")]
    [InlineData("algorithm: krum\naggregation:\n  mode: secure\n", "plan_not_linear: line 1: algorithm krum: it compares single updates")]
    [InlineData("aggregation:\n  secure:\n    groups:\n      count: 3\n", "algorithm_unavailable: line 3: aggregation.secure.groups: robust rules over the sums of groups are not part of this version.")]
    [InlineData("lora:\n  init: gradient\n", "private_init: line 2: lora.init gradient: ")]
    [InlineData("rounds: [1\n", "plan_unreadable: plan.yaml, line")]
    [InlineData("a: &x 1\n", "plan_unreadable: plan.yaml, line 1: expected plain fields, found an anchor, alias or tag")]
    [InlineData("privacy:\n  claim: distributed\n", "plan_invalid_value: line 2: privacy.claim distributed: silos, coordinator and auditors compute the ring from the noise, so the plan gives privacy.noise_multiplier and not epsilon")]
    [InlineData("privacy:\n  claim: silo\n  noise_multiplier: 10\n  delta: 0.001\nrounds: 10\n", "claim_unsupported: line 2: privacy.claim silo with unit silo: noise of 10 times one silo's update on the sum comes to epsilon 0.78 at delta 1e-3 over 10 rounds")]
    [InlineData("privacy:\n  epsilon: 8\naggregation:\n  mode: plain\n", "privacy_needs_secure: line 4: a charge of a silo's ledger")]
    public async Task PlanValidate_BadPlan_SaysWhatAndWhere(string text, string expected)
    {
        (int exit, string output, string errors) = await CliProcess.RunAsync("plan", "validate", Plan(text));

        Assert.Equal(2, exit);
        Assert.StartsWith(expected, errors, StringComparison.Ordinal);
        Assert.Empty(output);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("request_malformed: expected --base with --format merged, found none.", "--format", "merged")]
    [InlineData("request_malformed: expected --base and --dtype with --format merged only, found them with peft.", "--dtype", "f32")]
    [InlineData("request_malformed: expected the type keep, f32, bf16 or f16, found another.", "--format", "merged", "--base", "x", "--dtype", "f64")]
    [InlineData("request_malformed: expected the format peft or merged, found another.", "--format", "gguf")]
    public async Task ModelExport_OptionsThatDoNotFit_AreRefusedBeforeAnythingIsAsked(string expected, params string[] options)
    {
        (int exit, string output, string errors) = await CliProcess.RunAsync(["model", "export", "adapter", "--out", "out", .. options]);

        Assert.Equal((2, string.Empty), (exit, output));
        Assert.StartsWith(expected, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlanExplain_Patterns_AreShown()
    {
        (int exit, string output, _) = await CliProcess.RunAsync("plan", "explain", Plan("lora:\n  scaling: rslora\n  rank_pattern:\n    q_proj: 16\n    model.layers.0.self_attn.v_proj: 4\n"));

        Assert.Equal(0, exit);
        Assert.Matches(@"lora\.rank_pattern +model\.layers\.0\.self_attn\.v_proj: 4, q_proj: 16  \(plan\)", output);
        Assert.Matches(@"lora\.scaling +rslora  \(plan\)", output);
    }

    [Theory]
    [InlineData("7", 0, "The plan is valid for 7 silos.\n", "")]
    [InlineData("2", 2, "", "secagg_roster_size: line 2: with two silos each would learn the other's update from the sum, so secure aggregation needs at least 3; there are 2. Next: bring the federation to 3 to 255 silos, or write aggregation.mode: plain.\n")]
    [InlineData("9", 2, "", "ring_too_small: line 4: 9 silos with b = 29 could overflow a ring of k = 32: n (2^(b-1) - 1) < 2^(k-1) holds up to b = 28. Next: raise aggregation.secure.ring_bits, or leave out aggregation.secure.coordinate_bits.\n")]
    [InlineData("0", 2, "", "request_malformed: expected --silos of at least 1, found 0. Next: give the number of silos, or leave --silos out.\n")]
    public async Task PlanValidate_ForSilos_ChecksWhatDependsOnThem(string silos, int expected, string said, string wrong)
    {
        string path = Plan("aggregation:\n  mode: secure\n  secure:\n    coordinate_bits: 29\n");

        Assert.Equal((expected, said, wrong), await CliProcess.RunAsync("plan", "validate", path, "--silos", silos));
    }

    [Theory]
    [InlineData("training:\n  sequence_length: 256\n", 0, "The plan is valid.\n", "")]
    [InlineData("training:\n  sequence_length: 257\n", 2, "", "sequence_too_long: expected a sequence_length of at most 256, the base model's positions, found 257. Next: lower training.sequence_length, ")]
    [InlineData("lora:\n  target_modules: [w_pack]\n", 2, "", "target_module_unmatched: ")]
    public async Task PlanValidate_WithABaseModel_ChecksWhatItTells(string plan, int expected, string said, string wrong)
    {
        (int exit, string output, string errors) = await CliProcess.RunAsync("plan", "validate", Plan(plan), "--base", Path.Combine(AppContext.BaseDirectory, "samples", "base"));

        Assert.Equal((expected, said), (exit, output));
        Assert.StartsWith(wrong, errors, StringComparison.Ordinal);
        Assert.Equal(expected is 0 ? 0 : 1, errors.Count(letter => letter is '\n'));
    }

    [Fact]
    public async Task Demo_SequencesLongerThanTheBaseModelsPositions_IsRefusedBeforeAnythingStarts()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        string sample = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "samples", "demo.yaml"));
        string plan = Plan(sample.Replace("sequence_length: 128", "sequence_length: 300", StringComparison.Ordinal));

        (int exit, _, string errors) = await CliProcess.RunAsync("demo", "--plan", plan, "--out", Path.Combine(folder, "out"));

        Assert.Equal(2, exit);
        Assert.StartsWith("sequence_too_long: ", errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder, "out")));
    }

    [Fact]
    public async Task PlanExplain_SecureForSilos_SaysWhatARoundNeedsAndCosts()
    {
        string path = Plan("aggregation:\n  mode: secure\n  secure:\n    ring_bits: 24\n");

        (int exit, string output, _) = await CliProcess.RunAsync("plan", "explain", path, "--silos", "10");
        (_, string json, _) = await CliProcess.RunAsync("plan", "explain", path, "--silos", "10", "--json");
        (_, string unknown, _) = await CliProcess.RunAsync("plan", "explain", path);

        Assert.Equal(0, exit);
        Assert.Contains("at least 7 updates of 10 silos (t = 7), so 3 may be missing", output, StringComparison.Ordinal);
        Assert.Contains("On the wire: 3 bytes a parameter (k = 24 bits, of which b = 20 for one silo); values are rounded to steps of 1.9e-4.", output, StringComparison.Ordinal);
        Assert.Contains("the coordinator sees no single update, not even with 3 silos on its side", output, StringComparison.Ordinal);
        System.Text.Json.JsonElement figures = System.Text.Json.JsonDocument.Parse(json).RootElement.GetProperty("secure");
        Assert.Equal((7, 20, 3), (figures.GetProperty("threshold").GetInt32(), figures.GetProperty("coordinateBits").GetInt32(), figures.GetProperty("bytesPerParameter").GetInt32()));
        Assert.Contains("more than two thirds of the silos", unknown, StringComparison.Ordinal);
        Assert.DoesNotContain("plain mode the coordinator's operator", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlanValidate_MissingFile_AsJson_IsOneDocument()
    {
        (int exit, string output, _) = await CliProcess.RunAsync("plan", "validate", "nowhere.yaml", "--json");

        Assert.Equal(2, exit);
        Assert.Equal("plan_unreadable", System.Text.Json.JsonDocument.Parse(output).RootElement.GetProperty("error").GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("config.json", "base_model_missing: expected config.json")]
    [InlineData("model.safetensors", "safetensors_malformed: model.safetensors: model.embed_tokens.weight: expected 786432 bytes for its shape, found offsets 0 to 786439")]
    public async Task Demo_BrokenBaseModel_IsRefusedBeforeAnythingStarts(string file, string expected)
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        foreach (string part in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "samples", "base")))
        {
            File.Copy(part, Path.Combine(folder, Path.GetFileName(part)));
        }

        string broken = Path.Combine(folder, file);
        if (file is "model.safetensors")
        {
            byte[] bytes = await File.ReadAllBytesAsync(broken);
            int at = System.Text.Encoding.ASCII.GetString(bytes, 0, 1000).IndexOf("[0,786432]", StringComparison.Ordinal) + "[0,78643".Length;
            bytes[at] = (byte)'9';
            await File.WriteAllBytesAsync(broken, bytes);
        }
        else
        {
            File.Delete(broken);
        }

        (int exit, _, string errors) = await CliProcess.RunAsync("demo", "--base", folder, "--out", Path.Combine(folder, "out"));

        Assert.Equal(2, exit);
        Assert.StartsWith(expected, errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder, "out")));
    }

    [Theory]
    [InlineData("frobnicate", "usage: 'frobnicate' is no command or option.")]
    [InlineData("demo --silos x", "usage: Cannot parse argument 'x' for option '--silos' as expected type 'integer'.")]
    [InlineData("run show", "usage: ")]
    public async Task Usage_Wrong_IsOneLineWithExitCode2(string line, string expected)
    {
        (int exit, _, string errors) = await CliProcess.RunAsync(line.Split(' '));

        Assert.Equal(2, exit);
        Assert.StartsWith(expected, errors, StringComparison.Ordinal);
        Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task PlanExplain_PrivateSample_ShowsWhatTheClaimComesTo()
    {
        (int exit, string output, _) = await CliProcess.RunAsync("plan", "explain", Path.Combine(AppContext.BaseDirectory, "samples", "private.yaml"), "--records", "48");

        Assert.Equal(0, exit);
        Assert.Contains("privacy claim           example-level (DP-SGD in the silo); one record added or removed\n", output, StringComparison.Ordinal);
        Assert.Contains("a silo of records                   48\nsampling rate                      0.5\nnoise multiplier                 2.466\nepsilon of one round            3.0197\nepsilon at the end              7.9997\nits ledger needs                9.7405\n", output, StringComparison.Ordinal);
        Assert.Contains("The data is public, so epsilon is a demonstration.", output, StringComparison.Ordinal);
        Assert.DoesNotContain("without differential privacy", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlanExplain_DistributedSample_ShowsOneNoiseForAllSilos()
    {
        string plan = Path.Combine(AppContext.BaseDirectory, "samples", "distributed.yaml");

        (int exit, string output, _) = await CliProcess.RunAsync("plan", "explain", plan);
        (_, string tooMany, _) = await CliProcess.RunAsync("plan", "explain", plan, "--records", "49");

        Assert.Equal(0, exit);
        Assert.Contains("privacy claim           distributed (shares of noise on the ring); one record added or removed\n", output, StringComparison.Ordinal);
        Assert.Contains("a silo of records                   48\nsampling rate                        1\nnoise multiplier                  2.32\nepsilon of one round            1.8482\nepsilon at the end              7.9617\nits ledger needs                8.8913\n", output, StringComparison.Ordinal);
        Assert.Contains("A silo of 49 records refuses: count_invalid: the silo's declared records must be at most the plan's privacy.max_records 48, found 49", tooMany, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlanExplain_RecordsThatTheClaimCannotHave_SaysWhy()
    {
        (int exit, string output, _) = await CliProcess.RunAsync("plan", "explain", Path.Combine(AppContext.BaseDirectory, "samples", "private.yaml"), "--records", "20000");

        Assert.Equal(0, exit);
        Assert.Contains("A silo of 20,000 records refuses: delta_too_large: ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlanExplain_Sample_NamesWhatIsNotProtected()
    {
        (int exit, string output, _) = await CliProcess.RunAsync("plan", "explain", Path.Combine(AppContext.BaseDirectory, "samples", "demo.yaml"));

        Assert.Equal(0, exit);
        Assert.Contains("training.local_steps", output, StringComparison.Ordinal);
        Assert.Contains("What is not protected", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "usage: ", "nonsense")]
    [InlineData(3, "setting_missing: ", "run", "list")]
    [InlineData(2, "file_missing: ", "demo", "--data", "nowhere")]
    [InlineData(2, "base_model_missing: ", "demo", "--base", "nowhere")]
    [InlineData(2, "request_malformed: ", "demo", "--silos", "9")]
    [InlineData(2, "plan_unreadable: ", "demo", "--plan", "nowhere.yaml")]
    public async Task Command_BadInput_EndsWithItsCode(int expected, string start, params string[] arguments)
    {
        (int exit, _, string errors) = await CliProcess.RunAsync(arguments);

        Assert.Equal(expected, exit);
        Assert.StartsWith(start, errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task RunList_NobodyListens_IsUnreachable()
    {
        (int exit, _, string errors) = await CliProcess.RunAsync(new Dictionary<string, string> { ["FEDCLOUD_URL"] = "http://127.0.0.1:9", ["FEDCLOUD_TOKEN"] = "t" }, "run", "list");

        Assert.Equal(4, exit);
        Assert.StartsWith("coordinator_unreachable: ", errors, StringComparison.Ordinal);
    }

    private static string Plan(string text)
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "plan.yaml");
        File.WriteAllText(path, text);
        return path;
    }
}
