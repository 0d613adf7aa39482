// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.IO.Compression;
using System.Text;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>Files that were changed, removed or added.</summary>
public sealed class EvidenceFileTests
{
    private static readonly Lazy<(MemoryEvidence Evidence, AuditPolicy Policy)> Whole = new(Write);

    [Fact]
    public async Task Whole_WithProofsEnvelopesAndBatches_Passes()
    {
        VerificationReport report = await EvidenceVerifier.VerifyAsync(Whole.Value.Evidence, Whole.Value.Policy);

        Assert.Empty(EvidenceVerifierTests.Failures(report).Select(finding => finding.ToJson()));
        Assert.True(Whole.Value.Evidence.Files.Keys.Select(path => path.Split('/')[0]).Distinct().Count() == 7);
    }

    [Fact]
    public void Verify_AnyByteOfAnyFileFlipped_NeverPasses()
    {
        string[] paths = [.. Whole.Value.Evidence.Files.Keys];
        Arbitrary<int[]> places = Gen.Choose(0, int.MaxValue).ArrayOf(3).ToArbitrary();
        Prop.ForAll(places, place =>
        {
            string path = paths[place[0] % paths.Length];
            MemoryEvidence spoiled = Whole.Value.Evidence.Copy();
            spoiled.Files[path][place[1] % spoiled.Files[path].Length] ^= (byte)(1 << (place[2] % 8));
            return IsRefused(spoiled).Label(path);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(150));
    }

    [Fact]
    public void Verify_EachFileFlippedRemovedShortenedOrLengthened_NeverPasses()
    {
        foreach (string path in Whole.Value.Evidence.Files.Keys)
        {
            byte[] bytes = Whole.Value.Evidence.Files[path];
            byte[][] others = [[.. bytes[..^1], (byte)(bytes[^1] ^ 1)], bytes[..^1], [.. bytes, 0], []];
            foreach (byte[] other in others)
            {
                MemoryEvidence spoiled = Whole.Value.Evidence.Copy();
                spoiled.Files[path] = other;
                Assert.True(IsRefused(spoiled), path);
            }

            MemoryEvidence without = Whole.Value.Evidence.Copy();
            without.Files.Remove(path);

            if (path.StartsWith("log/cosigned/", StringComparison.Ordinal))
            {
                // A line is missed only where the rules need it; the other tests remove those.
                continue;
            }

            // Batch records, proofs, envelopes and blobs are there or not.
            bool optional = path.StartsWith("log-head/batch/", StringComparison.Ordinal)
                || path.StartsWith("proofs/", StringComparison.Ordinal) || path.StartsWith("envelopes/", StringComparison.Ordinal) || path.StartsWith("blobs/", StringComparison.Ordinal);
            Assert.True(IsRefused(without) != optional, path);
        }
    }

    [Fact]
    public async Task Verify_LogCutOrForked_NamesTheFile()
    {
        foreach ((string removed, string code) in new[] { ("log/checkpoint-archive/6", "log_file_unexpected"), ("log/tile/0/000.p/6", "log_file_missing"), ("log/tile/entries/000.p/6", "log_file_missing"), ("log/checkpoint-archive/52", "log_file_missing") })
        {
            MemoryEvidence spoiled = Whole.Value.Evidence.Copy();
            Assert.True(spoiled.Files.Remove(removed), removed);

            VerificationReport report = await EvidenceVerifier.VerifyAsync(spoiled, Whole.Value.Policy);

            Assert.Contains(report.Findings, finding => finding.Code.Name == code);
        }
    }

    [Fact]
    public async Task Verify_ForkAtAnyCheckpoint_FailsConsistency()
    {
        LogStory story = new();
        AuditPolicy policy = EvidenceVerifierTests.Policy(story);
        MemoryEvidence honest = story.Write();
        story["kek"] = story["kek"].WithField("kid", EntryField.Of("file:other/1"));
        MemoryEvidence fork = story.Write();

        foreach (string path in honest.Files.Keys.Where(path => path.StartsWith("log/checkpoint-archive/", StringComparison.Ordinal) && path != "log/checkpoint-archive/1"))
        {
            string size = path.Split('/')[^1];
            MemoryEvidence mixed = honest.Copy();
            foreach (string of in honest.Files.Keys.Where(of => of == path || of.StartsWith($"log/cosigned/{size}/", StringComparison.Ordinal)))
            {
                mixed.Files[of] = fork.Files[of];
            }

            VerificationReport report = await EvidenceVerifier.VerifyAsync(mixed, policy);

            Assert.Contains(report.Findings, finding => finding.Check == "V3" && finding.Code == ErrorCodes.RootMismatch && finding.Path == path);
        }
    }

    [Fact]
    public async Task Verify_ProofOfAnotherEntry_FailsV4Only()
    {
        MemoryEvidence spoiled = Whole.Value.Evidence.Copy();
        TlogProof proof = TlogProof.Parse(spoiled.Files["proofs/7.tlog-proof"]);
        spoiled.Files["proofs/8.tlog-proof"] = (proof with { Index = 8 }).ToBytes();

        VerificationReport report = await EvidenceVerifier.VerifyAsync(spoiled, Whole.Value.Policy);

        Finding failure = Assert.Single(EvidenceVerifierTests.Failures(report));
        Assert.Equal(("V4", ErrorCodes.InclusionFailed, "proofs/8.tlog-proof"), (failure.Check, failure.Code, failure.Path));
    }

    [Fact]
    public async Task Verify_SecondConsistencyOrRosterOfOneSilo_IsFound()
    {
        LogStory story = new();
        AuditPolicy policy = EvidenceVerifierTests.Policy(story);
        MemoryEvidence evidence = story.Write();
        Sha256Digest rid = LogStory.RidOf(story["start-run-public-1"]);
        AuditFederation.Member member = story.Federation.Members[0];
        AddEnvelope(evidence, "application/vnd.fedcloud.secagg+json", Consistency(rid, "a"), member);
        AddEnvelope(evidence, "application/vnd.fedcloud.secagg+json", Consistency(rid, "b"), member);
        AddEnvelope(evidence, Roster.PayloadType, (story.Federation.Roster with { Policy = story.Federation.Roster.Policy.Add("a", "b") }).ToJcs(), member);

        VerificationReport report = await EvidenceVerifier.VerifyAsync(evidence, policy);

        Assert.Equal([("V6", "signed_twice"), ("V7", "signed_twice")], EvidenceVerifierTests.Failures(report).Select(finding => (finding.Check, finding.Code.Name)).Order());
    }

    [Theory]
    [InlineData(1, 6)]
    [InlineData(2, 6)]
    [InlineData(3, 0)]
    public async Task Verify_RollbackBodies_AreCounted(int signers, int exit)
    {
        LogStory story = new();
        AuditPolicy policy = EvidenceVerifierTests.Policy(story);
        story.AppendBatch(story.C("back", EntryTypes.ModelRolledBack, [("model", LogStory.Model("private-1")), ("rollback", AuditFederation.Hash("r"))], [("version", LogStory.Int(1)), ("first_round", LogStory.Int(3))], LogStory.Private));
        MemoryEvidence evidence = story.Write();
        for (int i = 0; i < signers; i++)
        {
            byte[] body = Encoding.ASCII.GetBytes($"{{\"idx\":{i + 1},\"job\":\"run-private\",\"model_sha256\":\"{LogStory.Model("private-1")}\",\"round\":3,\"type\":\"rollback\"}}");
            AddEnvelope(evidence, "application/vnd.fedcloud.secagg+json", body, story.Federation.Members[i]);
        }

        VerificationReport report = await EvidenceVerifier.VerifyAsync(evidence, policy);

        Assert.Equal(exit, (int)report.Exit);
    }

    [Fact]
    public async Task Verify_OtherPins_Fail()
    {
        (MemoryEvidence evidence, AuditPolicy policy) = Whole.Value;
        AuditPolicy otherRoster = policy with { RosterSha256 = AuditFederation.Hash("other") };
        AuditPolicy otherKey = policy with { LogVkey = new AuditFederation(3).LogKey.VKey };

        Assert.Equal(["policy"], EvidenceVerifierTests.Failures(await EvidenceVerifier.VerifyAsync(evidence, otherRoster)).Select(finding => finding.Check));
        Assert.Equal(["V1", "V4", "policy"], EvidenceVerifierTests.Failures(await EvidenceVerifier.VerifyAsync(evidence, otherKey)).Select(finding => finding.Check).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(["V1"], EvidenceVerifierTests.Failures(await EvidenceVerifier.VerifyAsync(evidence, policy with { MinWitnesses = 5 })).Select(finding => finding.Check).Distinct());
    }

    [Theory]
    [InlineData("../log/checkpoint-archive/1")]
    [InlineData("/log/checkpoint-archive/1")]
    [InlineData("log/../log/checkpoint-archive/1")]
    [InlineData("log\\checkpoint-archive\\1")]
    [InlineData("log/checkpoint-archive/01")]
    [InlineData("log/tile/0/0")]
    [InlineData("log/tile/64/000")]
    [InlineData("rosters/1.json")]
    [InlineData("readme.txt")]
    [InlineData("C:/log/checkpoint-archive/1")]
    public async Task Zip_UnknownName_IsUnusable(string name)
    {
        MemoryEvidence evidence = Whole.Value.Evidence.Copy();
        evidence.Files[name] = [1];

        await AssertUnusable(evidence.ToZip());
        Assert.Equal(ErrorCodes.EvidenceUnusable, (await Assert.ThrowsAsync<FedCloudException>(() => EvidenceVerifier.VerifyAsync(evidence, null))).Code);
    }

    [Fact]
    public async Task Zip_DoubledNameTooLargeDamagedOrEmpty_IsUnusable()
    {
        byte[] zip = Whole.Value.Evidence.ToZip();

        await AssertUnusable([]);
        await AssertUnusable(zip[..^40]);
        await AssertUnusable(Zip(archive => archive.CreateEntry("x/")));
        await AssertUnusable(Zip(archive =>
        {
            archive.CreateEntry("log-head/checkpoint");
            archive.CreateEntry("log-head/checkpoint");
        }));
        await AssertUnusable(Zip(archive =>
        {
            using Stream large = archive.CreateEntry("log-head/checkpoint").Open();
            large.Write(new byte[SignedNote.MaxBytes + 1]);
        }));
    }

    [Fact]
    public async Task Zip_LyingAboutALength_IsUnusable()
    {
        byte[] zip = Whole.Value.Evidence.ToZip();

        // The directory's entry of the first file: 20 bytes on stand the packed length and the length (APPNOTE 4.3.12).
        int directory = zip.AsSpan().IndexOf("PK\u0001\u0002"u8);
        await AssertUnusable(Lying(zip, directory, 1));
        Assert.Equal(ExitCode.VerificationFailed, (await Verify(Lying(zip, directory, -1))).Exit);
    }

    [Fact]
    public void Zip_AnyByteFlipped_GivesAVerdictAndNoCrash()
    {
        byte[] zip = Whole.Value.Evidence.ToZip();
        Prop.ForAll(Gen.Choose(0, zip.Length - 1).ToArbitrary(), Gen.Choose(0, 7).ToArbitrary(), (at, bit) =>
        {
            byte[] spoiled = [.. zip];
            spoiled[at] ^= (byte)(1 << bit);
            Exception? error = Record.Exception(() => Verify(spoiled).GetAwaiter().GetResult());
            return error is null or FedCloudException { Code.Name: "evidence_unusable" };
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"v\":2,\"log_vkey\":\"x\",\"roster_sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"min_witnesses\":1,\"images\":null}")]
    [InlineData("{\"v\":1,\"log_vkey\":\"x\",\"roster_sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"min_witnesses\":1,\"images\":null}")]
    [InlineData("null")]
    [InlineData("")]
    public void Policy_OtherForm_IsRefused(string json)
    {
        Assert.Equal(ErrorCodes.AuditPolicyMalformed, Assert.Throws<FedCloudException>(() => AuditPolicy.Parse(Encoding.UTF8.GetBytes(json))).Code);
    }

    [Fact]
    public void Policy_WrittenAndRead_IsTheSame()
    {
        AuditPolicy policy = Whole.Value.Policy;

        Assert.Equal(policy.ToJson(), AuditPolicy.Parse(policy.ToJson()).ToJson());
        Assert.Throws<FedCloudException>(() => AuditPolicy.Parse(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(policy.ToJson()).Replace("\"v\":1", "\"v\":1,\"x\":1", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Verify_AnyByteOfAPackedZipFlipped_IsUnusable()
    {
        byte[] zip = await PackAsync();
        Assert.Equal(ExitCode.Done, (await Verify(zip)).Exit);

        // Every byte of the directory and of the end; of what comes before, as many as time allows.
        int directory = zip.Length - 4_096;
        foreach (int at in Enumerable.Range(0, directory / 211).Select(i => i * 211).Concat(Enumerable.Range(directory, 4_096)))
        {
            zip[at] ^= (byte)(1 << (at % 8));
            await AssertUnusable(zip);
            zip[at] ^= (byte)(1 << (at % 8));
        }
    }

    [Fact]
    public async Task Verify_PackedZipWithBytesBehindOrAnotherComment_IsUnusable()
    {
        byte[] zip = await PackAsync();

        await AssertUnusable([.. zip, 0]);
        await AssertUnusable(zip[..^1]);
        await AssertUnusable([.. zip[..^71], .. "a comment of somebody else, which is as long as the digest would be...."u8]);
        Assert.Equal(await PackAsync(), zip);
    }

    private static async Task<byte[]> PackAsync()
    {
        using MemoryStream stream = new();
        await EvidenceZip.WriteAsync(Whole.Value.Evidence, stream, CancellationToken.None);
        return stream.ToArray();
    }

    private static byte[] Lying(byte[] zip, int directory, int change)
    {
        byte[] lying = [.. zip];
        BitConverter.TryWriteBytes(lying.AsSpan(directory + 24), BitConverter.ToInt32(lying, directory + 24) + change);
        return lying;
    }

    private static async Task AssertUnusable(byte[] zip) =>
        Assert.Equal(ErrorCodes.EvidenceUnusable, (await Assert.ThrowsAsync<FedCloudException>(() => Verify(zip))).Code);

    private static async Task<VerificationReport> Verify(byte[] zip)
    {
        using ZipEvidence source = ZipEvidence.Open(new MemoryStream(zip));
        return await EvidenceVerifier.VerifyAsync(source, Whole.Value.Policy);
    }

    private static byte[] Zip(Action<ZipArchive> write)
    {
        using MemoryStream stream = new();
        using (ZipArchive archive = new(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            write(archive);
        }

        return stream.ToArray();
    }

    private static bool IsRefused(MemoryEvidence evidence)
    {
        try
        {
            return EvidenceVerifier.VerifyAsync(evidence, Whole.Value.Policy).GetAwaiter().GetResult().Exit == ExitCode.VerificationFailed;
        }
        catch (FedCloudException error)
        {
            return error.Code.Exit == ExitCode.Unusable;
        }
    }

    private static (MemoryEvidence Evidence, AuditPolicy Policy) Write()
    {
        LogStory story = new();
        story.Witnesses = _ => story.Federation.Members.Take(3);
        MemoryEvidence evidence = story.Write();
        int size = story.Batches.Sum(batch => batch.Count);
        SignedNote note = SignedNote.Parse(evidence.Files[$"log/checkpoint-archive/{size}"]);
        MerkleNodes nodes = TiledNodes.Over(size, tile => evidence.Files["log/" + tile.Path]);
        foreach (long index in new long[] { 0, 7, size - 1 })
        {
            evidence.Files[EvidenceLayout.Proof(index)] = new TlogProof { Index = index, Hashes = MerkleProof.Inclusion(index, size, nodes), Note = note }.ToBytes();
        }

        evidence.Files["log-head/batch/1"] = EntryBundle.Write(EntryBundle.Read(evidence.Files["log/tile/entries/000.p/6"])[1..]);
        evidence.Files[EvidenceLayout.Blob(AuditFederation.Hash("blob"))] = Encoding.ASCII.GetBytes("blob");
        AddEnvelope(evidence, "application/vnd.fedcloud.secagg+json", Consistency(LogStory.RidOf(story["start-run-public-1"]), "a"), story.Federation.Members[0]);
        return (evidence, EvidenceVerifierTests.Policy(story));
    }

    private static byte[] Consistency(Sha256Digest rid, string u3) =>
        Encoding.ASCII.GetBytes($"{{\"idx\":1,\"rid\":\"{rid}\",\"type\":\"consistency\",\"u3_sha256\":\"{AuditFederation.Hash(u3)}\"}}");

    private static void AddEnvelope(MemoryEvidence evidence, string type, byte[] body, AuditFederation.Member member)
    {
        DsseEnvelope envelope = DsseEnvelope.Sign(type, body, member.Identity);
        evidence.Files[EvidenceLayout.Envelope(envelope.Identity)] = Jcs.Canonicalize(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(envelope));
    }
}
