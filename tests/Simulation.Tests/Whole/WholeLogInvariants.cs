// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>What must hold of the log at the end of every schedule: an outsider accepts it, and it tells what happened.</summary>
/// <param name="federation">The federation, at rest.</param>
/// <param name="vault">The vault with the coordinator's keys.</param>
internal sealed class WholeLogInvariants(WholeFederation federation, IKeyVault vault)
{
    public async Task RequireAsync(Roster roster, IReadOnlyList<RoundRecord> rounds)
    {
        LogStore log = new(federation.Store);
        long size = await log.LargestSizeAsync(CancellationToken.None);
        using StoredEvidence evidence = new(federation.Store, vault, new LogPosition(size, roster.Version));
        VerificationReport report = await EvidenceVerifier.VerifyAsync(evidence, policy: null);
        string[] failed = [.. report.Findings.Where(finding => finding.IsFailure).Select(finding => finding.ToJson())];
        Require(failed.Length == 0, string.Join('\n', failed));

        LogState state = await log.ReadStateAsync(report.Checkpoint!.Origin, size, CancellationToken.None);
        Require(state.Roster == roster.Digest(), "the log's last roster is not the one in force");
        List<LogEntry> entries = [];
        foreach (BundleCoordinate bundle in TileLayout.Bundles(size))
        {
            (byte[] bytes, _) = await federation.Store.ReadAsync(new BlobName(StorageNames.Log, bundle.Path), int.MaxValue, CancellationToken.None) ?? throw new InvalidOperationException($"{bundle.Path} is missing");
            entries.AddRange(EntryBundle.Read(bytes, bundle.Width).Select(entry => LogEntry.Parse(entry)));
        }

        int Count(string type) => entries.Count(entry => string.Equals(entry.Type, type, StringComparison.Ordinal));
        Require(Count(EntryTypes.Roster) == roster.Version, "rosters are missing in the log, or doubled");
        Require(Count(EntryTypes.PlanSubmitted) == (rounds.Count == 0 ? Math.Min(1, Count(EntryTypes.PlanSubmitted)) : 1), "the plan is not in the log once");
        Require(Count(EntryTypes.Result) == rounds.Count(round => string.Equals(round.Outcome, "committed", StringComparison.Ordinal)), "results and committed rounds differ");
        bool isSecure = federation.Config.Aggregation.IsSecure;
        int[] started = [.. entries.Where(entry => string.Equals(entry.Type, EntryTypes.RoundStart, StringComparison.Ordinal)).Select(entry => entry.Round!.Value)];
        Require(isSecure || started.Distinct().Count() == started.Length, "a round starts twice in the log");
        Require(rounds.Where(round => isSecure ? round.Secure is not null : !string.Equals(round.Outcome, "evaluation", StringComparison.Ordinal)).All(round => started.Contains(round.Round)), "a round is not in the log");
        Require(rounds.All(round => round.Members.All(member => member.Value.Metrics.IsEmpty || report.Figures.Contains(new DisclosedFigures(federation.Config.Job, round.Round, member.Key, decimal.Parse(member.Value.Metrics[MetricsBody.EvalLoss], CultureInfo.InvariantCulture))))), "a silo's figures are told, and its signed message is not in the evidence");
        Require(federation.Config.AdmitsFigures || report.Figures.IsEmpty, "the evidence has figures that the plan does not admit");
        Require(Count(EntryTypes.SiloInvited) >= federation.Invited.Count(), "an invitation is not in the log");
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException(what);
        }
    }
}
