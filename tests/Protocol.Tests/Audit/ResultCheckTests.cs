// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.SecureAggregation;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>An auditor recomputes the sums of secure rounds; each file that is spoiled, missing or another's gives its own finding.</summary>
public sealed class ResultCheckTests : IDisposable
{
    private static readonly Lazy<SumStory> Shared = new(() => new SumStory());

    private readonly DirectoryInfo _scratch = Directory.CreateTempSubdirectory();

    public void Dispose() => _scratch.Delete(recursive: true);

    [Fact]
    public async Task Verify_WholeRounds_RecomputesSumsAndModels()
    {
        VerificationReport report = await VerifyAsync(Shared.Value, Shared.Value.Write());

        Assert.Empty(EvidenceVerifierTests.Failures(report));
        Assert.Equal((2, 2), (report.Sums, report.Models));
        Assert.DoesNotContain(report.Findings, finding => finding.Found.Contains(SumStory.Job.Value, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Verify_AsZip_GivesTheSameReport()
    {
        using MemoryStream packed = new();
        await EvidenceZip.WriteAsync(Shared.Value.Write(), packed, CancellationToken.None);
        using ZipEvidence zip = ZipEvidence.Open(packed);

        VerificationReport one = await VerifyAsync(Shared.Value, Shared.Value.Write());
        VerificationReport two = await EvidenceVerifier.VerifyAsync(zip, EvidenceVerifierTests.Policy(Shared.Value.Story), scratch: _scratch.FullName);

        Assert.Equal(one.Findings.Select(finding => finding.ToJson()), two.Findings.Select(finding => finding.ToJson()));
        Assert.Equal((2, 2), (two.Sums, two.Models));
    }

    [Fact]
    public async Task Verify_WithoutTheFiles_SaysThatNothingIsRecomputed()
    {
        VerificationReport report = await VerifyAsync(Shared.Value, Shared.Value.Story.Write());

        Assert.Empty(EvidenceVerifierTests.Failures(report));
        Assert.Equal((0, 0), (report.Sums, report.Models));
        Assert.Contains(report.Findings, finding => finding.Check == "V9" && finding.Code == ErrorCodes.NotRecomputed);
    }

    [Fact]
    public async Task Verify_WithoutAFolder_RecomputesNothingAndSaysSo()
    {
        VerificationReport report = await EvidenceVerifier.VerifyAsync(Shared.Value.Write(), EvidenceVerifierTests.Policy(Shared.Value.Story));

        Assert.Empty(EvidenceVerifierTests.Failures(report));
        Assert.Equal(0, report.Sums);
    }

    [Fact]
    public async Task Verify_OneFileMissing_IsNotRecomputedAndNoFailure()
    {
        SumStory.OpenedRound round = Shared.Value.Rounds[1];
        Dictionary<string, (int Sums, int Models)> expected = new()
        {
            [EvidenceLayout.Round(round.Rid)] = (1, 1),
            [EvidenceLayout.Vector(round.Rid, 2)] = (1, 1),
            [EvidenceLayout.Blob(Shared.Value.Config.Digest)] = (0, 0),
            [EvidenceLayout.Blob(Sha256Digest.Of(round.Model))] = (2, 1),
        };

        foreach ((string path, (int Sums, int Models) recomputed) in expected)
        {
            MemoryEvidence evidence = Shared.Value.Write();
            Assert.True(evidence.Files.Remove(path));
            VerificationReport report = await VerifyAsync(Shared.Value, evidence);

            Assert.Empty(EvidenceVerifierTests.Failures(report));
            Assert.Equal(recomputed, (report.Sums, report.Models));
            Assert.Contains(report.Findings, finding => finding.Check == "V9" && finding.Code == ErrorCodes.NotRecomputed);
        }
    }

    [Fact]
    public async Task Verify_AnyByteOfAFileFlipped_FailsAndNamesTheRound()
    {
        MemoryEvidence whole = Shared.Value.Write();
        string record = EvidenceLayout.Round(Shared.Value.Rounds[0].Rid);
        (string Path, int Step)[] spoiled = [(record, 397), .. Shared.Value.Rounds[1].Vectors.Keys.Select(idx => (EvidenceLayout.Vector(Shared.Value.Rounds[1].Rid, idx), 9))];

        foreach ((string path, int step) in spoiled)
        {
            for (int at = 0; at < whole.Files[path].Length; at += step)
            {
                MemoryEvidence evidence = whole.Copy();
                evidence.Files[path][at] ^= 1;

                VerificationReport report = await VerifyAsync(Shared.Value, evidence);

                Finding failure = Assert.Single(EvidenceVerifierTests.Failures(report));
                Assert.Contains(failure.Check, (string[])["V7", "V9"]);
                Assert.StartsWith(path[..70], failure.Path, StringComparison.Ordinal);
                Assert.Contains($"of {SumStory.Job}", failure.Found, StringComparison.Ordinal);
                Assert.Equal(1, report.Sums);
            }
        }
    }

    [Fact]
    public async Task Verify_VectorOfAnotherRoundOrLength_Fails()
    {
        (SumStory.OpenedRound one, SumStory.OpenedRound two) = (Shared.Value.Rounds[0], Shared.Value.Rounds[1]);

        Assert.Equal([("V9", "masked_digest")], await FailuresAsync(evidence => evidence.Files[EvidenceLayout.Vector(two.Rid, 1)] = one.Vectors[1]));
        Assert.Equal([("V9", "masked_digest")], await FailuresAsync(evidence => evidence.Files[EvidenceLayout.Vector(two.Rid, 1)] = two.Vectors[2]));
        Assert.Equal([("V9", "masked_length")], await FailuresAsync(evidence => evidence.Files[EvidenceLayout.Vector(two.Rid, 1)] = two.Vectors[1][4..]));
        Assert.Equal([("V9", "masked_length")], await FailuresAsync(evidence => evidence.Files[EvidenceLayout.Vector(two.Rid, 1)] = [.. two.Vectors[1], 0]));
    }

    [Fact]
    public async Task Verify_FilesOfNoResult_AreRefused()
    {
        SumStory.OpenedRound two = Shared.Value.Rounds[1];

        Assert.Equal([("V9", "evidence_mismatch")], await FailuresAsync(evidence => evidence.Files[EvidenceLayout.Vector(two.Rid, 4)] = two.Vectors[1]));
        Assert.Equal([("V9", "evidence_mismatch")], await FailuresAsync(evidence => evidence.Files[EvidenceLayout.Round(AuditFederation.Hash("none"))] = two.Evidence.ToJcs()));
    }

    [Fact]
    public async Task Verify_PartsExchangedBetweenRounds_Fail()
    {
        (RoundEvidence one, RoundEvidence two) = (Shared.Value.Rounds[0].Evidence, Shared.Value.Rounds[1].Evidence);
        (RoundEvidence Spoiled, string Check, string Code)[] cases =
        [
            (two with { Start = one.Start }, "V7", "u3_list_invalid"),
            (two with { Masked = [one.Masked[0], .. two.Masked[1..]] }, "V7", "masked_invalid"),
            (two with { Masked = two.Masked[1..] }, "V7", "u3_list_invalid"),
            (two with { U3List = one.U3List }, "V7", "u3_list_invalid"),
            (two with { Consistencies = one.Consistencies }, "V7", "consistency_invalid"),
            (two with { Consistencies = two.Consistencies[1..] }, "V7", "consistency_invalid"),
            (two with { Consistencies = [two.Consistencies[0], .. two.Consistencies] }, "V7", "consistency_invalid"),
            (two with { SelfSeeds = one.SelfSeeds.Remove(4) }, "V9", "secret_mismatch"),
            (two with { PairwiseKeys = two.PairwiseKeys.SetItem(4, one.SelfSeeds[4]) }, "V9", "secret_mismatch"),
            (two with { PairwiseKeys = two.PairwiseKeys.Clear() }, "V9", "unmask_invalid"),
            (two with { Result = one.Result }, "V9", "result_mismatch"),
            (two with { Acks = two.Acks[1..] }, "V7", "ack_invalid"),
            (two with { Acks = [.. two.Acks[1..], two.Acks[1]] }, "V7", "advertise_list_invalid"),
            (two with { Advertisements = [.. two.Advertisements.Reverse()] }, "V7", "advertise_list_invalid"),
            (two with { Epoch = two.Epoch with { RosterSha256 = AuditFederation.Hash("roster") } }, "V7", "round_start_invalid"),
            (one, "V7", "u3_list_invalid"),
        ];

        foreach ((RoundEvidence spoiled, string check, string code) in cases)
        {
            (string, string)[] failures = await FailuresAsync(evidence => evidence.Files[EvidenceLayout.Round(Shared.Value.Rounds[1].Rid)] = spoiled.ToJcs());

            Assert.Equal([(check, code)], failures);
        }
    }

    [Fact]
    public async Task Verify_MoreThanOneSignatureOrNull_IsMalformed()
    {
        RoundEvidence two = Shared.Value.Rounds[1].Evidence;
        RoundEvidence doubled = two with { Start = two.Start with { Signatures = [.. two.Start.Signatures, .. two.Start.Signatures] } };
        byte[] withNull = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString((two with { Acks = [] }).ToJcs()).Replace("\"acks\":[]", "\"acks\":[null]", StringComparison.Ordinal));

        Assert.All((byte[][])[doubled.ToJcs(), withNull, "{}"u8.ToArray(), []], bytes =>
            Assert.Equal([("V9", bytes.Length == 0 ? "json_not_canonical" : "body_malformed")], FailuresAsync(evidence => evidence.Files[EvidenceLayout.Round(Shared.Value.Rounds[1].Rid)] = bytes).GetAwaiter().GetResult()));
    }

    [Fact]
    public async Task Verify_LogNamesAnother_Fails()
    {
        Sha256Digest other = AuditFederation.Hash("other");
        foreach ((string entry, string subject, string check, string code) in ((string, string, string, string)[])
        [
            ("sum-result-2", "seeds", "V9", "result_mismatch"),
            ("sum-result-2", "aggregate", "V9", "result_mismatch"),
            ("sum-result-2", "new_model", "V9", "result_mismatch"),
            ("sum-masked-2-1", "masked", "V7", "round_evidence"),
        ])
        {
            SumStory story = new();
            story.Story[entry] = story.Story[entry].WithSubject(subject, other);

            VerificationReport report = await VerifyAsync(story, story.Write());

            Assert.Equal([(check, code)], Codes(report));
            Assert.Equal(1, report.Sums);
        }
    }

    [Fact]
    public async Task Verify_ModelThatDoesNotFollow_FailsTheModelChain()
    {
        SumStory story = new();
        SumStory.OpenedRound last = story.Rounds[1];
        Sha256Digest other = AuditFederation.Hash("other");
        ResultBody result = SecureAggregationBody.Parse<ResultBody>(last.Evidence.Result.Payload) with { NewModelSha256 = other };
        story.Story["sum-result-2"] = story.Story["sum-result-2"].WithSubject("new_model", other);
        MemoryEvidence evidence = story.Write();
        evidence.Files[EvidenceLayout.Round(last.Rid)] = (last.Evidence with { Result = story.Epoch.Sign(0, result) }).ToJcs();

        VerificationReport report = await VerifyAsync(story, evidence);

        Assert.Equal([("V10", "result_mismatch")], Codes(report));
        Assert.Equal((2, 1), (report.Sums, report.Models));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Verify_MeanAboveThePlansGate_FailsWithAndWithoutTheVersion(bool withVersion)
    {
        SumStory story = new(gate: 0.000001m);
        MemoryEvidence evidence = story.Write();
        foreach (SumStory.OpenedRound round in story.Rounds.Where(_ => !withVersion))
        {
            evidence.Files.Remove(EvidenceLayout.Blob(Sha256Digest.Of(round.Model)));
        }

        VerificationReport report = await VerifyAsync(story, evidence);

        Assert.Equal([("V9", "gate_failed"), ("V9", "gate_failed")], Codes(report));
        Assert.Equal((2, 0), (report.Sums, report.Models));
    }

    [Fact]
    public async Task Verify_SiloAgreedToTwoAttempts_IsSignedTwice()
    {
        SumStory story = new();
        RoundScope attempt = story.Attempt();
        ConsistencyBody agreed = new() { Rid = attempt.Rid, Idx = 1, U3Sha256 = AuditFederation.Hash("u3") };
        DsseEnvelope envelope = story.Epoch.Sign(1, agreed);
        MemoryEvidence evidence = story.Write();
        Assert.Empty(EvidenceVerifierTests.Failures(await VerifyAsync(story, evidence)));

        evidence.Files[EvidenceLayout.Envelope(envelope.Identity)] = Jcs.Canonicalize(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(envelope));
        VerificationReport report = await VerifyAsync(story, evidence);

        Assert.Equal([("V7", "signed_twice")], Codes(report));
    }

    [Fact]
    public void Layout_PathsOfSums_HaveOneSpelling()
    {
        Sha256Digest rid = AuditFederation.Hash("rid");

        Assert.True(EvidenceLayout.TryParse(EvidenceLayout.Round(rid), out EvidenceKind round));
        Assert.True(EvidenceLayout.TryParse(EvidenceLayout.Vector(rid, 255), out EvidenceKind vector));
        Assert.Equal((EvidenceKind.Round, EvidenceKind.Vector), (round, vector));
        Assert.All(
            (string[])["0", "01", "256", "-1", "1/", "", "1.json"],
            idx => Assert.False(EvidenceLayout.TryParse($"secagg/{rid.Hex}/y/{idx}", out _)));
        Assert.False(EvidenceLayout.TryParse($"secagg/{rid.Hex.ToUpperInvariant()}/round.json", out _));
    }

    private Task<VerificationReport> VerifyAsync(SumStory story, MemoryEvidence evidence) =>
        EvidenceVerifier.VerifyAsync(evidence, EvidenceVerifierTests.Policy(story.Story), scratch: _scratch.FullName);

    private async Task<(string Check, string Code)[]> FailuresAsync(Action<MemoryEvidence> spoil)
    {
        MemoryEvidence evidence = Shared.Value.Write();
        spoil(evidence);
        return Codes(await VerifyAsync(Shared.Value, evidence));
    }

    private static (string Check, string Code)[] Codes(VerificationReport report) =>
        [.. EvidenceVerifierTests.Failures(report).Select(finding => (finding.Check, finding.Code.Name))];
}
