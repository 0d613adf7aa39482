// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using FedCloud.Cli.Api;
using FedCloud.Cli.CommandLine;
using FedCloud.Cli.Models;
using FedCloud.Cli.Plans;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.Demo;

/// <summary>The demo's story: check the input, start the federation, run the plan, export the adapter, stop everything.</summary>
internal static class DemoRun
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>Runs the demo.</summary>
    public static async Task<DemoReport> ExecuteAsync(DemoOptions options, CancellationToken cancellation)
    {
        Stopwatch watch = Stopwatch.StartNew();

        // Everything that can be wrong with the input is found before a process is started.
        IReadOnlyList<DemoData> silos = options.FindData();
        string baseFolder = options.BaseFolder();
        BaseModelManifest manifest = BaseModelManifest.OfFolder(baseFolder);
        RunConfig config = RunCommands.Complete(ForSilos(WithRounds(YamlPlan.Read(options.PlanFile()), options.Rounds), silos.Count), "demo-federation", manifest.Digest());
        BaseModelFit.Require(config, baseFolder);
        RequireEnough(config, silos.Count);
        if (CompatibilityMatrix.RefusalsFor(config, silos.Count).FirstOrDefault() is { } refusal)
        {
            throw new FedCloudException(refusal.Code, refusal.Reason);
        }

        string work = MakeFolder(options.Out, manifest.Files.Sum(file => file.Length) * (silos.Count + 2));

        await using DemoDisplay display = new(silos.Select(silo => silo.Name.Value));
        await using DemoFederation federation = await DemoFederation.StartAsync(work, silos, config, display.Line, display.Take, cancellation);
        display.Line(config.Aggregation.IsSecure
            ? string.Create(CultureInfo.InvariantCulture, $"Secure aggregation: the coordinator sees only sums; {CohortBounds.Of(silos.Count).Threshold} of {silos.Count} silos are needed to open one.")
            : $"Plain mode{(silos.Count < Fcsa1.MinSilos ? " (with two silos each would learn the other's update from the sum)" : string.Empty)}: updates are encrypted for the coordinator, which can open single ones.");
        await federation.Client.UploadBaseAsync(baseFolder, cancellation);
        await federation.Client.SubmitAsync(config, cancellation);
        RunDetail run = await WatchAsync(federation, config, display, cancellation);
        ModelSummary model = await NewestAsync(federation.Client, config, cancellation);
        string adapterPath = Path.Combine(options.Out, "adapter");
        string adapterSha256 = await PeftExport.WriteAsync(federation.Client, model, config, adapterPath, cancellation);
        DemoReport report = Report(run, display, adapterPath, adapterSha256);
        if (options.Alone && config.Privacy.IsClaimed)
        {
            display.Line("No comparison with silos that train alone: they would train without noise.");
        }
        else if (options.Alone && report.PerSilo.All(silo => silo.EvalLossFinal is not null))
        {
            report = await WithComparisonAsync(report, federation.Client, config, options.AtHome, silos, baseFolder, Path.Combine(work, "alone"), display, cancellation);
        }

        DemoAudit audit = await DemoAudit.TakeAsync(federation.Client, config, report.Rounds.Max(round => round.Round), Path.Combine(options.Out, "evidence.zip"), cancellation);
        report = report with
        {
            AuditVerified = audit.Verified,
            AuditRoot = audit.Report.Checkpoint?.Root.ToString(),
            AuditEntries = audit.Report.Entries,
            AuditSums = audit.Report.Sums,
            AuditFindings = [.. audit.Report.Findings.Where(finding => finding.IsFailure).Select(finding => finding.ToJson())],
            EvidencePath = audit.Path,
        };
        report = report with { SecondsTotal = Math.Round(watch.Elapsed.TotalSeconds, 2) };
        DemoConclusion.Of(report).ForEach(display.Line);
        if (options.Keep)
        {
            display.Line($"The federation keeps running until Ctrl-C. Look at it: {new Uri(federation.Address, "dashboard")}#token={federation.Token}");
            display.Line($"For the operator's commands: export FEDCLOUD_URL={federation.Address} FEDCLOUD_TOKEN={federation.Token}");
            await UntilCancelledAsync(cancellation);
        }

        return report;
    }

    private static PlanNode WithRounds(PlanNode plan, int? rounds)
    {
        if (rounds is not { } count || plan is not PlanMapping mapping)
        {
            return plan;
        }

        PlanEntry entry = new(0, "rounds", new PlanScalar(0, count.ToString(CultureInfo.InvariantCulture), Quoted: false));
        return mapping with { Entries = [.. mapping.Entries.Where(field => !string.Equals(field.Name, "rounds", StringComparison.Ordinal)), entry] };
    }

    // Secure aggregation needs three silos; a plan that asks for it by name is refused with two, not changed.
    private static PlanNode ForSilos(PlanNode plan, int silos)
    {
        if (silos >= Fcsa1.MinSilos || plan is not PlanMapping mapping)
        {
            return plan;
        }

        PlanEntry plain = new(0, "mode", new PlanScalar(0, "plain", Quoted: false));
        PlanEntry? aggregation = mapping.Entries.FirstOrDefault(field => string.Equals(field.Name, "aggregation", StringComparison.Ordinal));
        PlanMapping? given = aggregation?.Value as PlanMapping;
        if ((aggregation is not null && given is null) || given?.Entries.Any(field => string.Equals(field.Name, "mode", StringComparison.Ordinal)) == true)
        {
            return plan;
        }

        PlanMapping named = (given ?? new PlanMapping(0, [])) with { Entries = [.. given?.Entries ?? [], plain] };
        return mapping with { Entries = [.. mapping.Entries.Where(field => field != aggregation), new PlanEntry(0, "aggregation", named)] };
    }

    private static void RequireEnough(RunConfig config, int silos)
    {
        int needed = Math.Max(config.Participation.Quorum, config.Participation.MinSilos);
        if (silos < needed)
        {
            throw new FedCloudException(ErrorCodes.QuorumNotMet, $"the plan needs {needed} silos, the demo has {silos}", "raise --silos, or lower participation.quorum and min_silos");
        }
    }

    // The storage emulator and each silo keep a copy of the base model; a disk that is full half-way stops all of them.
    private static string MakeFolder(string output, long bytesOfModels)
    {
        const long Rest = 64L << 20;
        string work = Path.Combine(output, "federation-" + DateTimeOffset.UtcNow.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture));
        try
        {
            Directory.CreateDirectory(work);
            long needed = bytesOfModels + Rest;
            long free = new DriveInfo(work).AvailableFreeSpace;
            return free >= needed
                ? work
                : throw new FedCloudException(ErrorCodes.DiskFull, $"expected {needed >> 20} MiB of free space for {output}, found {free >> 20} MiB", "free space, or choose another folder with --out");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.DiskFull, "the output folder cannot be made", "choose another folder with --out", error);
        }
    }

    private static async Task<RunDetail> WatchAsync(DemoFederation federation, RunConfig config, DemoDisplay display, CancellationToken cancellation)
    {
        int shown = 0;
        while (true)
        {
            RunDetail run = await federation.Client.RunAsync(config.Job.Value, cancellation);
            foreach (RoundRecord round in run.Rounds.Skip(shown))
            {
                display.Line(RoundLine.Of(round));
                shown++;
            }

            if (run.IsOver)
            {
                if (run.State.Phase == RunPhase.Completed)
                {
                    return run;
                }

                string reasons = string.Join("; ", run.State.Silos.Where(silo => silo.Value.Reason.Length > 0).Select(silo => $"{silo.Key} {silo.Value.Reason}"));
                ErrorCode code = ErrorCodes.All.GetValueOrDefault(run.State.Reason ?? string.Empty, ErrorCodes.QuorumNotMet);
                throw new FedCloudException(code, $"the run ended after {run.State.CommittedRounds} of {config.Rounds} rounds{(reasons.Length > 0 ? $" ({reasons})" : string.Empty)}");
            }

            await Task.Delay(Interval, cancellation);
        }
    }

    private static async Task<ModelSummary> NewestAsync(CoordinatorClient client, RunConfig config, CancellationToken cancellation)
    {
        ModelList models = await client.ModelsAsync(cancellation);
        return models.Models.FirstOrDefault(model => model.Latest && model.Job == config.Job)
            ?? throw new FedCloudException(ErrorCodes.ModelMissing, "the channel does not point at a version of this run");
    }

    private static async Task<DemoReport> WithComparisonAsync(
        DemoReport report, CoordinatorClient client, RunConfig config, int atHome, IReadOnlyList<DemoData> silos, string baseFolder, string folder, DemoDisplay display, CancellationToken cancellation)
    {
        display.Line(string.Create(CultureInfo.InvariantCulture, $"For comparison each silo trains alone, {config.TotalSteps + atHome} steps on its own examples{(atHome > 0 ? $", and goes on from the federated adapter for {atHome}" : string.Empty)}."));
        Directory.CreateDirectory(folder);
        string start = Path.Combine(folder, "start.safetensors");
        string end = Path.Combine(folder, "final.safetensors");
        ModelSummary[] versions = [.. (await client.ModelsAsync(cancellation)).Models.Where(model => model.Job == config.Job)];
        await client.DownloadAsync(versions.Single(model => model.Version == 0), start, cancellation);
        await client.DownloadAsync(versions.Single(model => model.Latest), end, cancellation);
        AloneLosses losses = await new AloneComparison(config, baseFolder, folder, display.TakeAlone).RunAsync(silos, start, end, atHome, cancellation);
        DemoSilo[] compared =
        [
            .. report.PerSilo.Select(silo => silo with
            {
                EvalLossLocalOnly = losses.Alone[silo.Silo].Own,
                UnionEvalLossLocalOnly = losses.Alone[silo.Silo].Union,
                EvalLossAtHome = losses.AtHome.TryGetValue(silo.Silo, out double home) ? home : null,
            }),
        ];
        return report with
        {
            PerSilo = compared,
            Comparison = new DemoComparison
            {
                Steps = config.TotalSteps + atHome,
                StepsAtHome = atHome,
                UnionExamples = losses.UnionExamples,
                UnionEvalLossFinal = losses.Federated,
                BeatsEveryLocalOnly = compared.All(silo => losses.Federated < silo.UnionEvalLossLocalOnly),
                BetterAlone = [.. compared.Where(silo => silo.EvalLossLocalOnly < (silo.EvalLossAtHome ?? silo.EvalLossFinal)).Select(silo => silo.Silo)],
            },
        };
    }

    private static DemoReport Report(RunDetail run, DemoDisplay display, string adapterPath, string adapterSha256)
    {
        RoundRecord[] rounds = [.. run.Rounds.Where(round => !string.Equals(round.Outcome, "evaluation", StringComparison.Ordinal))];
        RoundRecord evaluation = run.Rounds.Last(round => string.Equals(round.Outcome, "evaluation", StringComparison.Ordinal));
        RoundRecord first = run.Rounds[0];
        return new DemoReport
        {
            Run = run.State.Config.Job.Value,
            Rounds = [.. rounds.Select((round, i) => Report(round, run.Rounds[i + 1], display))],
            EvalLossBase = RoundLine.MeanLoss(first),
            EvalLossFinal = RoundLine.MeanLoss(evaluation),
            PerSilo =
            [
                .. run.State.Silos.Keys.Select(silo => new DemoSilo
                {
                    Silo = silo.Value,
                    EvalLossBase = first.Members.TryGetValue(silo, out RoundRecordMember? before) ? RoundLine.LossOf(before) : null,
                    EvalLossFinal = evaluation.Members.TryGetValue(silo, out RoundRecordMember? after) ? RoundLine.LossOf(after) : null,
                    Budget = display.BudgetOf(silo.Value),
                }),
            ],
            Epsilon = !run.State.Config.Privacy.IsClaimed ? null : run.State.Config.IsPublic ? "demonstration" : "guarantee",
            Privacy = PrivacyLine.Of(run.State.Config),
            AdapterPath = adapterPath,
            AdapterSha256 = adapterSha256,
            SecondsTotal = 0,
        };
    }

    private static DemoRound Report(RoundRecord round, RoundRecord next, DemoDisplay display)
    {
        double seconds = (round.EndedAt - round.StartedAt).TotalSeconds;
        double training = Math.Min(seconds, display.TrainingTime(round.Round).TotalSeconds);
        RoundRecordMember[] took = [.. round.Members.Values.Where(member => member.Phase == MemberPhase.Verified)];
        return new DemoRound
        {
            Round = round.Round,
            Seconds = Math.Round(seconds, 3),
            TrainingSeconds = Math.Round(training, 3),
            OverheadSeconds = Math.Round(seconds - training, 3),
            EvalLossBefore = RoundLine.MeanLoss(round),
            EvalLossAfter = RoundLine.MeanLoss(next),
            BytesUpPerSilo = took.Length == 0 ? 0 : took.Max(member => member.UploadedBytes),
            Participants = [.. round.Members.Where(member => member.Value.Phase == MemberPhase.Verified).Select(member => member.Key.Value)],
            Dropped = round.Members.Where(member => member.Value.Phase != MemberPhase.Verified).ToDictionary(member => member.Key.Value, member => member.Value.Reason ?? string.Empty, StringComparer.Ordinal),
        };
    }

    private static async Task UntilCancelledAsync(CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C is how a kept federation ends.
        }
    }
}
