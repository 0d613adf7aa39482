// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Tests.Audit;
using Xunit;

namespace FedCloud.Cli.Tests.Reports;

/// <summary><c>fedcloud audit report</c> as a person types it.</summary>
public sealed class ReportCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly SumStory _story = new();

    public ReportCommandTests() => File.WriteAllBytes(In("evidence.zip"), _story.Write().ToZip());

    [Fact]
    public async Task Report_RealEvidence_IsWrittenWholeAndSaysSo()
    {
        AuditPolicy policy = new()
        {
            V = 1,
            LogVkey = _story.Story.Federation.LogKey.VKey,
            RosterSha256 = Sha256Digest.Of(_story.Story.Federation.Bundles().First().Bundle.Roster.Payload),
            MinWitnesses = 3,
            Images = null,
        };
        File.WriteAllBytes(In("policy.json"), policy.ToJson());

        (int exit, string output, string errors) = await ReportAsync("ai-act", In("out"), "--policy", In("policy.json"));

        Assert.Equal((0, string.Empty), (exit, errors));
        Assert.Contains("The evidence verifies.", output, StringComparison.Ordinal);
        Assert.EndsWith($"{In("out/report.html")}\n", output, StringComparison.Ordinal);
        JsonElement report = JsonDocument.Parse(await File.ReadAllBytesAsync(In("out/report.json"))).RootElement;
        Assert.Equal("fedcloud-report/1", report.GetProperty("schema").GetString());
        Assert.True(File.ReadAllBytes(In("out/report.json")).AsSpan().SequenceEqual(Jcs.Canonicalize(File.ReadAllBytes(In("out/report.json")))));
        string bundle = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(In("evidence.zip"))));
        Assert.Contains(bundle, await File.ReadAllTextAsync(In("out/report.html")), StringComparison.Ordinal);
        Assert.True(File.Exists(In("out/model-cards/model-card-v2.md")));
        string[] transcript = await File.ReadAllLinesAsync(In("out/verification.jsonl"));
        Assert.True(JsonDocument.Parse(transcript[^1]).RootElement.GetProperty("verified").GetBoolean());
        foreach (string line in await File.ReadAllLinesAsync(In("out/sha256sums.txt")))
        {
            Assert.Equal(line[..64], Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(In($"out/{line[66..]}")))));
        }

        Assert.Equal(["evidence.zip", "out", "policy.json"], Directory.EnumerateFileSystemEntries(_folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Report_SameInputs_GiveTheSameBytes()
    {
        await ReportAsync("gdpr-30", In("one"));
        await ReportAsync("gdpr-30", In("two"));

        string[] files = [.. Directory.EnumerateFiles(In("one"), "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(In("one"), path)).Order(StringComparer.Ordinal)];
        Assert.Equal(files, Directory.EnumerateFiles(In("two"), "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(In("two"), path)).Order(StringComparer.Ordinal));
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(In($"one/{file}")), File.ReadAllBytes(In($"two/{file}"))));
    }

    [Fact]
    public async Task Report_EachProof_VerifiesWithTheVerifier()
    {
        await ReportAsync("gdpr-30", In("out"));
        string[] entries = Directory.GetFiles(In("out/entries"));
        string sample = Path.GetFileNameWithoutExtension(entries.Order(StringComparer.Ordinal).Last());
        string proof = In($"out/proofs/{sample}.tlog-proof");

        (int exit, string output, string errors) = await CliProcess.RunAsync("audit", "verify", "--proof", proof, "--entry", In($"out/entries/{sample}.json"), "--vkey", _story.Story.Federation.LogKey.VKey);

        Assert.Equal((0, string.Empty), (exit, errors));
        Assert.StartsWith($"Entry {sample} is in the log.", output, StringComparison.Ordinal);
        Assert.All(entries, entry => Protocol.Audit.TlogProof.Parse(File.ReadAllBytes(In($"out/proofs/{Path.GetFileNameWithoutExtension(entry)}.tlog-proof"))).Verify(File.ReadAllBytes(entry), [_story.Story.Federation.LogKey]));
        Assert.All(Directory.GetFiles(In("out/checkpoints")), note => Protocol.Audit.SignedNote.Parse(File.ReadAllBytes(note)).Verify([_story.Story.Federation.LogKey, .. _story.Story.Federation.Members.Select(member => member.WitnessKey)]));

        // Of an entry of one silo there is the proof, and nothing that it is the proof of.
        Assert.True(Directory.GetFiles(In("out/proofs")).Length > entries.Length);
        (exit, _, errors) = await CliProcess.RunAsync("audit", "verify", "--proof", proof, "--entry", In("out/report.json"), "--vkey", _story.Story.Federation.LogKey.VKey);
        Assert.Equal(6, exit);
        Assert.StartsWith("inclusion_failed: ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_TamperedEvidence_IsWrittenAndExits6()
    {
        MemoryEvidence evidence = _story.Write();
        string bundle = evidence.Files.Keys.Last(path => path.StartsWith("log/tile/entries/", StringComparison.Ordinal));
        byte[] bytes = evidence.Files[bundle];
        int at = System.Text.Encoding.ASCII.GetString(bytes).LastIndexOf("\"passed\":true", StringComparison.Ordinal);
        at = at < 0 ? System.Text.Encoding.ASCII.GetString(bytes).LastIndexOf("round_committed", StringComparison.Ordinal) : at;
        bytes[at + 1] = (byte)'x';
        File.WriteAllBytes(In("tampered.zip"), evidence.ToZip());

        (int exit, string output, _) = await CliProcess.RunAsync("audit", "report", "--framework", "hipaa", "--run", "run-sum", "--bundle", In("tampered.zip"), "--out", In("out"), "--json");

        Assert.Equal(6, exit);
        JsonElement document = JsonDocument.Parse(output).RootElement;
        Assert.False(document.GetProperty("verified").GetBoolean());
        string html = await File.ReadAllTextAsync(In("out/report.html"));
        Assert.Contains("THE EVIDENCE DOES NOT VERIFY", html[..html.IndexOf("<nav", StringComparison.Ordinal)], StringComparison.Ordinal);
        Assert.Contains("exit code 6", html, StringComparison.Ordinal);
        Assert.Contains("\"failed\":true", await File.ReadAllTextAsync(In("out/verification.jsonl")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run_missing", 2, "--run", "run-nowhere")]
    [InlineData("id_malformed", 2, "--run", "<script>")]
    [InlineData("file_missing", 2, "--bundle", "nowhere.zip")]
    [InlineData("evidence_unusable", 2, "--bundle", "texts.json")]
    [InlineData("report_texts_malformed", 2, "--texts", "evidence.zip")]
    [InlineData("report_texts_malformed", 2, "--texts", "texts.json")]
    [InlineData("audit_policy_malformed", 2, "--policy", "texts.json")]
    [InlineData("report_consent_invalid", 2, "--consent", "texts.json")]
    [InlineData("report_folder_taken", 2, "--out", "taken")]
    [InlineData("report_folder_taken", 2, "--out", "texts.json")]
    [InlineData("request_malformed", 2, "--framework", "iso-9001")]
    public async Task Report_UnusableInput_IsOneLineAndLeavesNothing(string code, int expected, string option, string value)
    {
        await File.WriteAllTextAsync(In("texts.json"), """{"v":1,"author_role":"officer","texts":{"unknown":"text"}}""");
        Directory.CreateDirectory(In("taken"));
        await File.WriteAllTextAsync(In("taken/file"), "here before");
        Dictionary<string, string> options = new() { ["--framework"] = "hipaa", ["--run"] = "run-sum", ["--bundle"] = In("evidence.zip"), ["--out"] = In("out") };
        options[option] = option is "--run" or "--framework" ? value : In(value);
        string[] before = [.. Directory.EnumerateFileSystemEntries(_folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

        (int exit, string output, string errors) = await CliProcess.RunAsync(["audit", "report", .. options.SelectMany(pair => new[] { pair.Key, pair.Value })]);

        Assert.Equal((expected, string.Empty), (exit, output));
        Assert.StartsWith(code + ": ", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd('\n').Split('\n'));
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(_folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Report_EmptyFolder_IsTaken()
    {
        Directory.CreateDirectory(In("out"));

        (int exit, _, string errors) = await ReportAsync("ppfl", In("out/"));

        Assert.Equal((0, string.Empty), (exit, errors));
        Assert.True(File.Exists(In("out/report.html")));
    }

    [Fact]
    public async Task Report_NoEvidenceAndNoCoordinator_SaysWhatIsMissing()
    {
        (int exit, string output, string errors) = await CliProcess.RunAsync("audit", "report", "--framework", "dora", "--run", "run-sum", "--out", In("out"));

        Assert.Equal((3, string.Empty), (exit, output));
        Assert.StartsWith("setting_missing: ", errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(In("out")));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string In(string name) => Path.Combine(_folder, name);

    private Task<(int Exit, string Output, string Errors)> ReportAsync(string framework, string output, params string[] more) =>
        CliProcess.RunAsync(["audit", "report", "--framework", framework, "--run", "run-sum", "--bundle", In("evidence.zip"), "--out", output, .. more]);
}
