// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cli.Audit;
using FedCloud.Cli.Reports;
using FedCloud.Cli.Reports.Consents;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Frameworks;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Cli.Reports.Texts;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Reports;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud audit report</c>.</summary>
internal static class ReportCommand
{
    // Whom the log names as the recipient of evidence that is fetched for a report.
    private const string Recipient = "auditor";

    public static Command Create()
    {
        Option<string> framework = new("--framework") { Description = $"What it is evidence for: {string.Join(", ", ReportFramework.All)}.", Required = true };
        Option<string> run = new("--run") { Description = "The run's id.", Required = true };
        Option<string> output = new("--out") { Description = "The folder to write; it must be empty or not there yet.", Required = true };
        Option<string?> bundle = new("--bundle") { Description = "The evidence: a zip, or a folder of the same layout (docs/audit.md). Without it the coordinator that FEDCLOUD_URL names exports it, and its log says so." };
        Option<string?> policy = new("--policy") { Description = "What you pin: first log key, first roster, witnesses, images; docs/audit.md has an example." };
        Option<string?> texts = new("--texts") { Description = "What a person has to say, as JSON; docs/reports.md has the keys." };
        Option<string[]> consents = new("--consent") { Description = "A silo administrator's signed consent to this report; may be given several times." };
        Option<bool> json = Invocation.Json();
        Command command = new("report", "Writes what the evidence says about a run, by the fields of a framework, with proofs, for people who review it.") { framework, run, output, bundle, policy, texts, consents, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            Inputs inputs = Inputs.Read(parsed.GetRequiredValue(framework), parsed.GetRequiredValue(run), parsed.GetValue(policy), parsed.GetValue(texts), parsed.GetValue(consents) ?? []);
            return await WriteAsync(inputs, parsed.GetRequiredValue(output), parsed.GetValue(bundle), parsed.GetValue(json), cancellation);
        });
        return command;
    }

    private static async Task<int> WriteAsync(Inputs inputs, string output, string? bundle, bool json, CancellationToken cancellation)
    {
        using ReportFolder folder = ReportFolder.Begin(output);
        string path = bundle ?? await FetchAsync(folder, cancellation);
        Report report;
        using (IEvidenceSource source = EvidenceFiles.Open(path))
        {
            VerificationReport verification = await EvidenceFiles.VerifyAsync(source, inputs.Policy, cancellation);
            RunEvidence evidence = await new RunEvidenceReader(source, verification, DigestOf(path)).ReadAsync(inputs.Run, cancellation);
            RunStory story = RunStory.Of(evidence);
            ReportContext context = new(evidence, story, SiloConsents.Read(inputs.Consents, evidence, story, inputs.Framework.Name), inputs.Texts);
            report = await new ReportBuilder(context, inputs.Framework).BuildAsync(cancellation);
        }

        folder.Write(ReportFiles.Of(report, hasEvidence: bundle is null));
        folder.Commit();
        Print(report, output, json);
        return (int)report.Verification.Exit;
    }

    // The export is an entry of the log; the evidence ends before it.
    private static async Task<string> FetchAsync(ReportFolder folder, CancellationToken cancellation)
    {
        using CoordinatorClient client = CoordinatorClient.FromEnvironment();
        string path = Path.Combine(folder.Draft, ReportPaths.Evidence);
        await client.EvidenceAsync(path, sums: false, Recipient, cancellation);
        return path;
    }

    private static Sha256Digest? DigestOf(string path)
    {
        if (Directory.Exists(path))
        {
            return null;
        }

        using FileStream file = File.OpenRead(path);
        return Sha256Digest.FromBytes(SHA256.HashData(file));
    }

    private static void Print(Report report, string output, bool json)
    {
        ReportField[] fields = [.. report.Articles.SelectMany(article => article.Fields)];
        int missing = fields.Count(field => field.Content.Values.IsEmpty);
        string html = Path.Combine(Path.GetFullPath(output), ReportPaths.Html);
        if (json)
        {
            ReportDocument document = new(report.Framework, report.Job.Value, html, report.Verification.Failures == 0, report.Verification.Failures, report.IsFinished, fields.Length, missing, report.Entries.Length, report.Cards.Length);
            Console.WriteLine(JsonSerializer.Serialize(document, AuditJson.Default.ReportDocument));
            return;
        }

        Console.WriteLine(report.Verification.Failures == 0 ? "The evidence verifies." : $"The evidence does not verify: {report.Verification.Failures} {(report.Verification.Failures == 1 ? "check" : "checks")} failed. The report says so on its first page.");
        Console.WriteLine(report.State);
        Console.WriteLine($"Evidence for {report.Title}: {fields.Length} fields, {missing} not available; {report.Entries.Length} entries cited.");
        Console.WriteLine(html);
    }

    /// <summary>What is read before anything is fetched or written.</summary>
    private sealed record Inputs(Framework Framework, RunId Run, AuditPolicy? Policy, OperatorTexts Texts, ImmutableArray<byte[]> Consents)
    {
        public static Inputs Read(string framework, string run, string? policy, string? texts, string[] consents) => new(
            FrameworkTable.Of(ReportFramework.Parse(framework)),
            RunId.Parse(run),
            policy is null ? null : AuditPolicy.Parse(EvidenceFiles.Read(policy, AuditPolicy.MaxBytes)),
            texts is null ? OperatorTexts.None : OperatorTexts.Parse(EvidenceFiles.Read(texts, OperatorTexts.MaxBytes), FrameworkTable.TextKeys),
            [.. consents.Select(consent => EvidenceFiles.Read(consent, ReportConsent.MaxBytes))]);
    }
}
