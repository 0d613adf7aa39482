// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Homes;

namespace FedCloud.SiloAgent.Plans;

/// <summary>The plans that the silo was offered, in its home folder: written by the agent, read by commands while it runs.</summary>
/// <param name="home">The home.</param>
public sealed class PlanShelf(SiloHome home)
{
    private readonly Dictionary<RunId, PlanStanding> _shown = [];

    /// <summary>Writes what has changed.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void Show(SiloState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        foreach ((RunId job, SiloRun run) in state.Runs.Where(run => run.Value.ConfigSha256 != Sha256Digest.Zero))
        {
            PlanStanding standing = PlanStanding.Of(job, run);
            if (_shown.GetValueOrDefault(job) != standing)
            {
                WholeFile.Write(home.StandingPath(job), JsonSerializer.SerializeToUtf8Bytes(standing, PlanStandingJson.Default.PlanStanding));
                _shown[job] = standing;
            }
        }
    }

    /// <summary>All plans, by run.</summary>
    public IEnumerable<PlanStanding> All() => home.Jobs().Select(Find).OfType<PlanStanding>();

    /// <summary>The plan of a run.</summary>
    /// <exception cref="FedCloudException"><c>run_missing</c>, with those that wait for an answer.</exception>
    public PlanStanding Get(RunId job)
    {
        string[] asked = [.. All().Where(plan => plan.IsAsked).Select(plan => plan.Job.Value)];
        return home.Jobs().Contains(job) && Find(job) is { } standing
            ? standing
            : throw new FedCloudException(
                ErrorCodes.RunMissing,
                $"no plan of {job} was offered to this silo; {(asked.Length == 0 ? "none waits for an answer" : $"waiting for an answer: {string.Join(", ", asked)}")}",
                "list them with 'fedcloud-silo plan show'; the agent must run to receive them");
    }

    /// <summary>The plan itself, which must be the one that was offered.</summary>
    /// <exception cref="FedCloudException"><c>plan_not_approved</c>, <c>file_missing</c>.</exception>
    public RunConfig Plan(PlanStanding standing)
    {
        ArgumentNullException.ThrowIfNull(standing);
        if (!File.Exists(home.PlanPath(standing.Job)))
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"the plan of {standing.Job} is not in the home folder any more");
        }

        byte[] bytes = File.ReadAllBytes(home.PlanPath(standing.Job));
        return Sha256Digest.Of(bytes) == standing.ConfigSha256
            ? RunConfig.Parse(bytes)
            : throw new FedCloudException(ErrorCodes.PlanNotApproved, $"expected the plan {standing.ConfigSha256}, found a file with another hash", "stop the agent, and find out who changed its home folder");
    }

    private PlanStanding? Find(RunId job)
    {
        string path = home.StandingPath(job);
        return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), PlanStandingJson.Default.PlanStanding) : null;
    }
}
