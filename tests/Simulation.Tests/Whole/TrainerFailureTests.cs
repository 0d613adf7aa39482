// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>A trainer says why it failed: the silo declines the round with that code, sends no update, keeps none, and the others go on.</summary>
public sealed class TrainerFailureTests
{
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    [Theory]
    [InlineData(false, JobFault.Fails, "loss_not_finite")]
    [InlineData(false, JobFault.TooLarge, "memory_exceeded")]
    [InlineData(true, JobFault.Fails, "loss_not_finite")]
    [InlineData(true, JobFault.TooLarge, "memory_exceeded")]
    public async Task Round_TrainerFails_IsDeclinedWithItsCodeAndNoUpdateLeaves(bool isSecure, object fault, string code)
    {
        RunConfig plan = isSecure ? WholeScheduleTests.SecureConfig(rounds: 1, quorum: 3, "ffa_lora") : WholeScheduleTests.Config(rounds: 1, quorum: 3, "ffa_lora");
        await using WholeFederation federation = new(5, Calm, silos: 4, plan);
        SimulatedSilo failing = federation.Silos[3];
        federation.JobOf = silo => silo == failing.Id ? (JobFault)fault : JobFault.None;

        await federation.RunAsync();

        RoundRecord round = Assert.Single((await federation.ReadAsync()).Rounds, round => round.Outcome is "committed");
        Assert.Equal((MemberPhase.Declined, code), (round.Members[failing.Id].Phase, round.Members[failing.Id].Reason));
        Assert.All(federation.Silos[..3], silo => Assert.Equal(MemberPhase.Verified, round.Members[silo.Id].Phase));
        Assert.Contains(failing.Reports, line => line.Contains($"phase = declined, job = {plan.Job}, round = 1, detail = {code}", StringComparison.Ordinal));
        Assert.DoesNotContain(await UploadsAsync(federation, failing), path => path.StartsWith(plan.Job.Value, StringComparison.Ordinal));
        Assert.Empty(failing.KeptUpdates);
        Assert.NotEmpty(await UploadsAsync(federation, federation.Silos[0]));
    }

    private static async Task<List<string>> UploadsAsync(WholeFederation federation, SimulatedSilo silo)
    {
        List<string> paths = [];
        await foreach (BlobItem item in federation.Store.ListAsync(UploadName.Container(silo.Id), string.Empty, CancellationToken.None))
        {
            paths.Add(item.Path);
        }

        return paths;
    }
}
