// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>A whole log passes; each thing spoiled makes exactly its own check fail.</summary>
public sealed class EvidenceVerifierTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Verify_WholeLog_Passes(bool pruned)
    {
        LogStory story = new();
        MemoryEvidence evidence = story.Write(pruned);

        VerificationReport report = await EvidenceVerifier.VerifyAsync(evidence, Policy(story));

        Assert.Empty(Failures(report));
        Assert.Equal(ExitCode.Done, report.Exit);
        Assert.Equal(story.Batches.Sum(batch => batch.Count), report.Entries);
        Assert.Equal(["V10", "V11", "V15", "V7", "V8", "V9"], report.Findings.Select(finding => finding.Check).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Verify_FolderAndZip_GiveTheSameReport()
    {
        LogStory story = new();
        MemoryEvidence evidence = story.Write();
        string folder = Directory.CreateTempSubdirectory().FullName;
        evidence.ToFolder(folder);

        using DirectoryEvidence directory = new(folder);
        using ZipEvidence zip = ZipEvidence.Open(new MemoryStream(evidence.ToZip()));
        VerificationReport one = await EvidenceVerifier.VerifyAsync(directory, Policy(story));
        VerificationReport two = await EvidenceVerifier.VerifyAsync(zip, Policy(story));

        Assert.Equal(0, one.Failures);
        Assert.Equal(one.Findings.Select(finding => finding.ToJson()), two.Findings.Select(finding => finding.ToJson()));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Verify_WithoutPolicy_SaysThatNothingIsPinned()
    {
        VerificationReport report = await EvidenceVerifier.VerifyAsync(new LogStory().Write(), policy: null);

        Assert.Equal(ExitCode.Done, report.Exit);
        Assert.Contains(report.Findings, finding => finding.Code == ErrorCodes.NotPinned);
    }

    [Fact]
    public void Rid_OfTheVectors_IsTheStorys()
    {
        foreach (JsonElement vector in AuditVectors.Read("secagg_fcsa1_kat.json").EnumerateArray())
        {
            JsonElement parameters = vector.GetProperty("params");
            Sha256Digest Hash(string name) => new(vector.GetProperty(name).GetString()!);

            Sha256Digest rid = LogStory.Rid(
                Hash("sid"),
                parameters.GetProperty("slot").GetInt32(),
                parameters.GetProperty("round").GetInt64(),
                Hash("model_sha256"),
                Hash("config_sha256"),
                parameters.GetProperty("d").GetInt64(),
                parameters.GetProperty("k").GetByte(),
                Hash("U2_hash"));

            Assert.Equal(Hash("rid"), rid);
        }
    }

    internal static AuditPolicy Policy(LogStory story) => new()
    {
        V = 1,
        LogVkey = story.Federation.LogKey.VKey,
        RosterSha256 = story.Federation.Bundles().First().Bundle.Roster.Payload is var payload ? Sha256Digest.Of(payload) : default,
        MinWitnesses = 3,
        Images = [AuditFederation.Hash("image")],
    };

    internal static ImmutableArray<Finding> Failures(VerificationReport report) => [.. report.Findings.Where(finding => finding.IsFailure)];
}
