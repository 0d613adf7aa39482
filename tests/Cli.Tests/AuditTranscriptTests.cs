// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Tests.Audit;
using Xunit;

namespace FedCloud.Cli.Tests;

/// <summary>The audit commands as an auditor types them.</summary>
public sealed class AuditTranscriptTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly MemoryEvidence _evidence;

    public AuditTranscriptTests()
    {
        LogStory story = new();
        _evidence = story.Write();
        _evidence.ToFolder(In("bundle"));
        File.WriteAllBytes(In("evidence.zip"), _evidence.ToZip());
        AuditPolicy policy = new()
        {
            V = 1,
            LogVkey = story.Federation.LogKey.VKey,
            RosterSha256 = Sha256Digest.Of(story.Federation.Bundles().First().Bundle.Roster.Payload),
            MinWitnesses = 3,
            Images = [AuditFederation.Hash("image")],
        };
        File.WriteAllBytes(In("policy.json"), policy.ToJson());
    }

    [Fact]
    public async Task Verify_WholeLog_IsVerified()
    {
        (int exit, string output, string errors) = await CliProcess.RunAsync("audit", "verify", "--bundle", In("evidence.zip"), "--policy", In("policy.json"));

        Assert.Equal((0, string.Empty), (exit, errors));
        Assert.EndsWith("Verified.\n", output, StringComparison.Ordinal);
        Assert.Contains("52 entries, 14 checkpoints", output, StringComparison.Ordinal);
        Assert.Contains("not_recomputed", output, StringComparison.Ordinal);
        Assert.DoesNotContain("FAILED", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_SpoiledTile_FailsAndNamesIt()
    {
        byte[] tile = _evidence.Files["log/tile/0/000.p/52"];
        tile[40] ^= 1;
        File.WriteAllBytes(In("bundle/log/tile/0/000.p/52"), tile);

        (int exit, string output, _) = await CliProcess.RunAsync("audit", "verify", "--bundle", In("bundle"), "--json");

        JsonElement[] lines = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(6, exit);
        Assert.Contains(lines[..^1], line => line.GetProperty("failed").GetBoolean() && line.GetProperty("code").GetString() == "tile_mismatch" && line.GetProperty("path").GetString() == "log/tile/0/000.p/52");
        Assert.False(lines[^1].GetProperty("verified").GetBoolean());
        Assert.Equal(1, lines[^1].GetProperty("failures").GetInt64());
    }

    [Theory]
    [InlineData("evidence_unusable", "--bundle", "policy.json")]
    [InlineData("file_missing", "--bundle", "nowhere")]
    [InlineData("audit_policy_malformed", "--bundle", "evidence.zip", "--policy", "evidence.zip")]
    [InlineData("request_malformed", "--bundle", "evidence.zip", "--note", "policy.json")]
    [InlineData("request_malformed", "--note", "policy.json")]
    [InlineData("request_malformed", "--proof", "policy.json")]
    public async Task Verify_UnusableInput_IsExitCode2(string code, params string[] arguments)
    {
        (int exit, string output, string errors) = await CliProcess.RunAsync(["audit", "verify", .. arguments.Select(argument => argument.Contains('.', StringComparison.Ordinal) ? In(argument) : argument)]);

        Assert.Equal((2, string.Empty), (exit, output));
        Assert.StartsWith(code + ": ", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task Kat_OfTheVectors_MatchesAndAChangedOneIsNamed()
    {
        string vectors = Path.Combine(VectorsFolder(), "secagg_fcsa1_kat.json");
        (int exit, string output, _) = await CliProcess.RunAsync("audit", "kat", vectors);
        Assert.Equal(0, exit);
        Assert.Contains("n=7", output, StringComparison.Ordinal);
        Assert.EndsWith("All checks of 3 transcripts match.\n", output, StringComparison.Ordinal);

        string text = await File.ReadAllTextAsync(vectors);
        int at = text.IndexOf("\"U3_hash\": \"", StringComparison.Ordinal) + 12;
        await File.WriteAllTextAsync(In("changed.json"), text[..at] + (text[at] == '0' ? '1' : '0') + text[(at + 1)..]);
        (exit, output, _) = await CliProcess.RunAsync("audit", "kat", In("changed.json"), "--json");
        JsonElement[] lines = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(6, exit);
        Assert.Contains(lines[..^1], line => !line.GetProperty("matches").GetBoolean() && line.GetProperty("check").GetString() == "u3_hash");
        Assert.False(lines[^1].GetProperty("matches").GetBoolean());

        await File.WriteAllTextAsync(In("changed.json"), "{}");
        (exit, _, string errors) = await CliProcess.RunAsync("audit", "kat", In("changed.json"));
        Assert.Equal(2, exit);
        Assert.StartsWith("transcript_malformed: ", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--type", "nonsense")]
    [InlineData("--from", "yesterday")]
    [InlineData("--to", "2026-13-01T00:00:00Z")]
    public async Task Show_FilterThatNoEntryCanPass_IsRefused(string option, string value)
    {
        (int exit, string output, string errors) = await CliProcess.RunAsync("audit", "show", "--bundle", In("evidence.zip"), option, value);

        Assert.Equal((2, string.Empty), (exit, output));
        Assert.StartsWith("request_malformed: ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_NoEvidenceAndNoCoordinator_SaysWhatIsMissing()
    {
        (int exit, string output, string errors) = await CliProcess.RunAsync("audit", "verify");

        Assert.Equal((3, string.Empty), (exit, output));
        Assert.StartsWith("setting_missing: ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_NotesOfTheVectors_AsTheySay()
    {
        JsonElement vectors = Vectors();
        foreach (JsonElement vector in vectors.GetProperty("notes").EnumerateArray().Where((_, i) => i % 3 == 0))
        {
            File.WriteAllText(In("note"), vector.GetProperty("note").GetString());

            (int exit, _, string errors) = await CliProcess.RunAsync("audit", "verify", "--note", In("note"), "--vkey", vector.GetProperty("vkey").GetString()!);

            Assert.True((vector.GetProperty("expect").GetString() == "ok") == (exit == 0), errors);
            Assert.True(exit is 0 or 6, errors);
        }
    }

    [Fact]
    public async Task Verify_ProofsOfTheVectors_AsTheySay()
    {
        foreach (JsonElement vector in Vectors().GetProperty("tlog_proofs").EnumerateArray())
        {
            File.WriteAllText(In("proof"), vector.GetProperty("proof").GetString());
            File.WriteAllBytes(In("entry"), Convert.FromHexString(vector.GetProperty("leaf_input_hex").GetString()!));

            (int exit, string output, string errors) = await CliProcess.RunAsync("audit", "verify", "--proof", In("proof"), "--entry", In("entry"), "--vkey", vector.GetProperty("vkey").GetString()!);

            Assert.True((vector.GetProperty("expect").GetString() == "ok") == (exit == 0), errors);
            Assert.True(exit == 6 || output.StartsWith("Entry ", StringComparison.Ordinal), output);
        }
    }

    [Theory]
    [InlineData(2, "--type", "u3", "--job", "run-private")]
    [InlineData(1, "--job", "run-private", "--round", "2", "--type", "result")]
    [InlineData(1, "--actor", "admin")]
    [InlineData(2, "--from", "3", "--to", "4")]
    [InlineData(52, "--from", "2026-01-02T03:04:05Z")]
    [InlineData(0, "--to", "2026-01-02T03:04:04Z")]
    public async Task Show_Filters_ChooseEntries(int expected, params string[] filter)
    {
        (int exit, string output, _) = await CliProcess.RunAsync(["audit", "show", "--bundle", In("bundle"), .. filter]);
        (_, string json, _) = await CliProcess.RunAsync(["audit", "show", "--bundle", In("evidence.zip"), "--json", .. filter]);

        Assert.Equal(0, exit);
        Assert.Equal(expected, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(expected, json.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(line => JsonDocument.Parse(line).RootElement.TryGetProperty("entry", out _)));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string In(string name) => Path.Combine(_folder, name);

    private static JsonElement Vectors() => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(VectorsFolder(), "signed_notes.json"))).RootElement;

    private static string VectorsFolder()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder!.FullName, "tests", "vectors");
    }
}
