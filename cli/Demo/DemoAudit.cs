// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Api;
using FedCloud.Cli.Audit;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Demo;

/// <summary>The demo's look at its own log, as an outsider takes it: evidence in a zip, verified on this side.</summary>
/// <param name="Path">The zip.</param>
/// <param name="Report">The verdict.</param>
internal sealed record DemoAudit(string Path, VerificationReport Report)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Whether everything was verified.</summary>
    public bool Verified => Report.Exit == ExitCode.Done;

    /// <summary>Waits until witnesses have signed a checkpoint with the last round's result, and verifies the evidence of it, every sum recomputed.</summary>
    /// <param name="client">The coordinator.</param>
    /// <param name="config">The run.</param>
    /// <param name="rounds">The number of its last round.</param>
    /// <param name="path">The zip to write.</param>
    /// <param name="cancellation">Stops it.</param>
    public static async Task<DemoAudit> TakeAsync(CoordinatorClient client, RunConfig config, int rounds, string path, CancellationToken cancellation)
    {
        DateTimeOffset until = DateTimeOffset.UtcNow + Patience;
        while (true)
        {
            await client.EvidenceAsync(path, sums: true, recipient: null, cancellation);
            using IEvidenceSource source = EvidenceFiles.Open(path);
            VerificationReport report = await EvidenceFiles.VerifyAsync(source, policy: null, cancellation);
            bool recomputed = !config.Aggregation.IsSecure || report.Sums == report.Results;
            if ((report.Exit == ExitCode.Done && recomputed && await HoldsAsync(source, config.Job, rounds, cancellation)) || DateTimeOffset.UtcNow > until)
            {
                return new DemoAudit(path, report);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), cancellation);
        }
    }

    private static async Task<bool> HoldsAsync(IEvidenceSource source, RunId job, int round, CancellationToken cancellation)
    {
        await foreach ((_, byte[] bytes) in EvidenceEntries.ReadAsync(source, cancellation))
        {
            LogEntry entry = LogEntry.Parse(bytes);
            if (entry.Job == job && entry.Round == round && string.Equals(entry.Type, EntryTypes.Result, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
