// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Reports;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.Audit;

namespace FedCloud.Cli.Tests.Reports;

/// <summary>A log with a run whose plan is in the evidence: four silos approve, three of them send updates in each round.</summary>
internal sealed class ReportStory
{
    public static readonly RunId Job = new("run-report");

    private const int D = 101;
    private static readonly Sha256Digest Sid = AuditFederation.Hash("sid");
    private static readonly Sha256Digest U2 = AuditFederation.Hash("u2");

    private readonly Dictionary<Sha256Digest, byte[]> _cards = [];
    private readonly List<DsseEnvelope> _figures = [];

    /// <param name="plan">Fields of the plan: section, name, value; the section is empty at the top.</param>
    /// <param name="rounds">How many rounds have results.</param>
    public ReportStory((string Section, string Name, string Value)[]? plan = null, int rounds = 2)
    {
        Config = PlanOf(Job, [("", "rounds", "2"), .. plan ?? []]);
        Story = new LogStory();
        bool isPrivate = Config.Privacy.IsClaimed;
        Story.AppendBatch(
        [
            Story.C("submit-report", EntryTypes.PlanSubmitted, [("config", Config.Digest), ("initial_model", LogStory.Model("report-0"))], [("role", EntryField.Of("operator"))], Job),
            .. Enumerable.Range(1, 4).Select(Approval),
            .. isPrivate ? Enumerable.Range(1, 3).Select(silo => Story.Budget($"report-reserve-{silo}", "reserve", silo, $"head-{silo}-3", $"head-{silo}-4", Job)) : [],
        ]);
        for (int round = 1; round <= rounds; round++)
        {
            Tell(round, isPrivate);
        }
    }

    public RunConfig Config { get; }

    public LogStory Story { get; }

    public MemoryEvidence Write()
    {
        MemoryEvidence evidence = Story.Write();
        evidence.Files[EvidenceLayout.Blob(Config.Digest)] = Config.ToJcs();
        foreach ((Sha256Digest digest, byte[] card) in _cards)
        {
            evidence.Files[EvidenceLayout.Blob(digest)] = card;
        }

        foreach (DsseEnvelope figures in _figures)
        {
            evidence.Files[EvidenceLayout.Envelope(figures.Identity)] = figures.ToJcs();
        }

        return evidence;
    }

    /// <summary>A silo discloses what it measured on the model that a round starts from; null says that it discloses nothing.</summary>
    public ReportStory Disclose(int round, int silo, string? loss, RunId? job = null)
    {
        _figures.Add(Figures(round, silo, loss, Story.Federation.Members[silo - 1].Identity, job));
        return this;
    }

    /// <summary>The message of that.</summary>
    public static DsseEnvelope Figures(int round, int silo, string? loss, System.Security.Cryptography.ECDsa key, RunId? job = null)
    {
        MetricsBody body = new()
        {
            Type = RunBody.Metrics,
            Job = job ?? Job,
            Round = round,
            Idx = silo,
            Values = loss is null ? ImmutableSortedDictionary<string, string>.Empty : ImmutableSortedDictionary<string, string>.Empty.Add(MetricsBody.EvalLoss, loss),
        };
        return DsseEnvelope.Sign(RunBody.MetricsPayloadType, Jcs.Serialize(body, RunBodyJson.Default.MetricsBody), key);
    }

    /// <summary>The silos enrol, each with its data card; the evidence holds the cards but one.</summary>
    public ReportStory Enrol(Func<int, DataCard?> cardOf, int? without = null)
    {
        foreach (int silo in Enumerable.Range(1, Story.Federation.Members.Count))
        {
            byte[]? card = cardOf(silo)?.ToJcs();
            Sha256Digest digest = card is null ? Sha256Digest.Zero : Sha256Digest.Of(card);
            (string, Sha256Digest)[] subjects = [.. ((string[])["ik", "wk", "ak", "join"]).Select(name => (name, AuditFederation.Hash($"{name}-{silo}"))), ("data_card", digest)];
            Story.AppendBatch(Story.C($"enrol-{silo}", EntryTypes.IdentityEnrolled, subjects, [("silo", EntryField.Of(Story.Federation.Members[silo - 1].Silo.Value))]));
            if (card is not null && silo != without)
            {
                _cards[digest] = card;
            }
        }

        return this;
    }

    /// <summary>A consent of a silo's administrator to a report on this run.</summary>
    public byte[] Consent(int silo, string framework, Sha256Digest? config = null) => Sign(
        new ReportConsent
        {
            V = 1,
            Federation = Config.Federation,
            SiloId = Story.Federation.Members[silo - 1].Silo,
            Job = Job,
            Framework = framework,
            ConfigSha256 = config ?? Config.Digest,
            EvidenceRoot = null,
        },
        Story.Federation.Members[silo - 1].Admin);

    public static byte[] Sign(ReportConsent consent, System.Security.Cryptography.ECDsa key) =>
        System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(DsseEnvelope.Sign(ReportConsent.PayloadType, consent.ToJcs(), key), ReportConsentJson.Default.DsseEnvelope);

    public static RunConfig PlanOf(RunId job, (string Section, string Name, string Value)[] fields)
    {
        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = job.Value, ["federation"] = "test-federation", ["base_model"] = Sha256Digest.Zero.Hex };
        PlanEntry[] sections =
        [
            .. fields.Where(field => field.Section.Length == 0).Select(field => Scalar(field.Name, field.Value)),
            .. fields.Where(field => field.Section.Length > 0).GroupBy(field => field.Section).Select(section => new PlanEntry(1, section.Key, new PlanMapping(1, [.. section.Select(field => Scalar(field.Name, field.Value))]))),
        ];
        return PlanReader.Require(PlanReader.Read(new PlanMapping(1, [.. sections]), filledIn));
    }

    private static PlanEntry Scalar(string name, string value) => new(1, name, new PlanScalar(1, value, Quoted: false));

    private StoryEntry Approval(int silo) => new(
        $"report-approved-{silo}",
        EntryTypes.PlanApproved,
        silo,
        [("config", Config.Digest), ("initial_model", LogStory.Model("report-0")), ("policy", AuditFederation.Hash($"policy-{silo}"))],
        [("role", EntryField.Of("agent"))],
        Job);

    private void Tell(int round, bool isPrivate)
    {
        int slot = 5 + round;
        Sha256Digest rid = LogStory.Rid(Sid, slot, round, LogStory.Model($"report-{round - 1}"), Config.Digest, D, 32, U2);
        Sha256Digest Head(int silo) => isPrivate ? AuditFederation.Hash($"head-{silo}-{round + 4}") : Sha256Digest.Zero;
        Story.AppendBatch(Story.C(
            $"report-start-{round}",
            EntryTypes.RoundStart,
            [("rid", rid), ("model", LogStory.Model($"report-{round - 1}")), ("config", Config.Digest)],
            [("slot", LogStory.Int(slot)), ("d", LogStory.Int(D)), ("k", LogStory.Int(32)), ("deadline", LogStory.Int(1_767_323_645))],
            Job,
            round));
        Story.AppendBatch(
        [
            .. isPrivate ? Enumerable.Range(1, 3).Select(silo => Story.Budget($"report-charge-{round}-{silo}", "charge", silo, $"head-{silo}-{round + 3}", $"head-{silo}-{round + 4}", Job, round)) : [],
            .. Enumerable.Range(1, 3).Select(silo => Story.C(
                $"report-masked-{round}-{silo}",
                EntryTypes.Masked,
                [("rid", rid), ("masked", AuditFederation.Hash($"masked {rid} {silo}")), ("ledger_head", Head(silo)), ("journal_head", AuditFederation.Hash($"journal {rid} {silo}"))],
                [("idx", LogStory.Int(silo))],
                Job,
                round)),
            Story.C($"report-u3-{round}", EntryTypes.U3, [("rid", rid), ("u3", AuditFederation.Hash($"u3 {rid}"))], [("count", LogStory.Int(3))], Job, round),
            Story.C(
                $"report-result-{round}",
                EntryTypes.Result,
                [("rid", rid), ("u3", AuditFederation.Hash($"u3 {rid}")), ("seeds", AuditFederation.Hash("seeds")), ("aggregate", AuditFederation.Hash($"z-{round}")), ("new_model", LogStory.Model($"report-{round}"))],
                [],
                Job,
                round),
            Story.C($"report-gate-{round}", EntryTypes.Gate, [("aggregate", AuditFederation.Hash($"z-{round}"))], [("gate", EntryField.Of("aggregate_norm")), ("passed", EntryField.Of(true)), ("basis", EntryField.Of("aggregate"))], Job, round),
            Story.C(
                $"report-moved-{round}",
                EntryTypes.ChannelMoved,
                [("model", LogStory.Model($"report-{round}"))],
                [("adapter", EntryField.Of(Config.Adapter)), ("channel", EntryField.Of("latest")), ("version", LogStory.Int(round)), ("reason", EntryField.Of("round_committed"))],
                Job),
        ]);
    }
}
