// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Cloud.Telemetry;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Telemetry;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Simulation.Tests.Telemetry;

/// <summary>The metrics of whole runs say what the records of their rounds say.</summary>
[Collection(Alone.Name)]
public sealed class MetricTests
{
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Run_Measured_IsWhatTheRecordsSay(bool isSecure, bool isDurable)
    {
        using Heard heard = new();
        RunConfig plan = isSecure ? WholeScheduleTests.SecureConfig(rounds: 2, quorum: 3, "ffa_lora") : WholeScheduleTests.Config(rounds: 2, quorum: 3, "ffa_lora");
        await using WholeFederation federation = new(5, Calm, silos: 4, plan) { IsDurable = isDurable };
        federation.JobOf = silo => silo == federation.Silos[3].Id ? JobFault.Fails : JobFault.None;

        await federation.RunAsync();

        RoundRecord[] rounds = [.. (await federation.ReadAsync()).Rounds.Where(round => round.Outcome is "committed")];
        Assert.Equal(2, rounds.Length);
        Assert.Equal([3d, 3d], heard.Of(TelemetryNames.Participants).Select(one => one.Value));
        Assert.Equal(2, heard.Sum(TelemetryNames.Dropouts));
        Assert.Equal(rounds.Sum(round => round.Members.Values.Sum(member => member.UploadedBytes)), heard.Sum(TelemetryNames.Bytes));
        Assert.Equal(0, heard.Sum(TelemetryNames.Failed));
        Assert.Equal(rounds.Sum(round => (round.EndedAt - round.StartedAt).TotalSeconds), heard.Sum(TelemetryNames.PhaseDuration), 3);
        string[] phases = isSecure ? ["aggregating", "agreeing", "collecting", "moving_channel", "opening", "publishing", "unmasking"] : ["aggregating", "collecting", "moving_channel", "publishing"];
        Assert.Equal(phases, heard.Of(TelemetryNames.PhaseDuration).Select(one => Assert.IsType<string>(one.Tags[TelemetryNames.PhaseName])).Distinct().Order(StringComparer.Ordinal));
        Assert.Contains(heard.Of(TelemetryNames.MailboxAge), one => one.Value >= 0 && CoordinatorMetrics.LogMailbox.Equals(one.Tags[TelemetryNames.Mailbox]));
        Assert.Empty(heard.Of(TelemetryNames.EpsilonRange));
        Assert.Empty(heard.Of(TelemetryNames.LedgerRefused));
    }

    [Fact]
    public async Task Round_WithoutAResult_IsCounted()
    {
        using Heard heard = new();
        await using WholeFederation federation = new(5, Calm, silos: 2, WholeScheduleTests.Config(rounds: 1, quorum: 2, "ffa_lora"));
        federation.JobOf = _ => JobFault.Fails;

        await federation.RunAsync();

        int abandoned = (await federation.ReadAsync()).Rounds.Count(round => round.Outcome is "abandoned");
        Assert.True(abandoned > 0);
        Assert.Equal(abandoned, heard.Sum(TelemetryNames.Failed));
        Assert.Equal(0, heard.Sum(TelemetryNames.Participants));
    }

    [Fact]
    public async Task Ledgers_ThatRefuse_AreCounted()
    {
        using Heard heard = new();
        await using WholeFederation federation = new(5, Calm, silos: 4, WholeScheduleTests.PrivateConfig(rounds: 3, quorum: 3, noise: 0.6m));

        await federation.RunAsync();

        Assert.Equal(4, heard.Sum(TelemetryNames.LedgerRefused));
        Assert.Empty(heard.Of(TelemetryNames.EpsilonRange));
    }

    [Fact]
    public async Task Epsilon_OfARun_IsARangeThatItsPlanTells()
    {
        using Heard heard = new();
        await using (WholeFederation federation = new(5, Calm, silos: 4, WholeScheduleTests.RingConfig(rounds: 2, quorum: 3, bits: 24)))
        {
            await federation.RunAsync();
        }

        Measured once = Assert.Single(heard.Of(TelemetryNames.EpsilonRange));
        Assert.Equal(1, once.Value);
        Assert.Contains(once.Tags[TelemetryNames.Range], (object[])["<=1", "1-2", "2-4", "4-8", ">8"]);
    }

    [Fact]
    public async Task Message_PutAside_IsCounted()
    {
        using Heard heard = new();
        await using WholeFederation federation = new(5, Calm, silos: 2, WholeScheduleTests.Config(rounds: 1, quorum: 2, "ffa_lora"));
        await federation.MessageKeyAsync();
        await new BlobMailbox(federation.Store, "mail-coordinator", federation.Time).SendAsync(MessageId.Of(1, RandomNumberGenerator.GetBytes(MessageId.RandomBytes)), "nonsense"u8.ToArray(), CancellationToken.None);

        await federation.RunAsync();

        Measured newest = heard.Of(TelemetryNames.DeadLetters).Last();
        Assert.Equal((1d, CoordinatorMetrics.CoordinatorMailbox), (newest.Value, newest.Tags[TelemetryNames.Mailbox]));
        Assert.Contains(heard.Of(TelemetryNames.MailboxAge), one => CoordinatorMetrics.CoordinatorMailbox.Equals(one.Tags[TelemetryNames.Mailbox]));
    }

    [Fact]
    public async Task Key_ThatEnds_IsMeasuredInDays()
    {
        using Heard heard = new();
        SimulatedTime time = new();
        MemoryBlobStore store = new(time);
        EndingKeys keys = new(SharedKeys.Vault, time.Now.AddDays(30));
        await using WholeFederation events = new(5, Calm, silos: 2, WholeScheduleTests.Config(rounds: 1, quorum: 2, "ffa_lora"));
        CoordinatorOptions options = new() { Federation = events.Config.Federation, Scratch = Path.GetTempPath(), InBackground = false };
        await using CoordinatorService coordinator = new(store, new BlobMailboxes(store, time), keys, time, options, events);

        await coordinator.StartAsync(CancellationToken.None);

        Assert.All(heard.Of(TelemetryNames.KeyExpiresIn), one => Assert.Equal((30d, "d"), (one.Value, one.Unit)));
        Assert.Equal(["audit-log", "coordinator-messages", "update-wrapping"], heard.Of(TelemetryNames.KeyExpiresIn).Select(one => one.Tags[TelemetryNames.Key]).Order());
    }

    // A vault whose keys end.
    private sealed class EndingKeys(IKeyVault vault, DateTimeOffset end) : IKeyVault
    {
        public async Task<KeyVersion> EnsureAsync(string name, KeyKind kind, CancellationToken cancellation) => await vault.EnsureAsync(name, kind, cancellation) with { Expires = end };

        public Task<IReadOnlyList<KeyVersion>> ListVersionsAsync(string name, CancellationToken cancellation) => vault.ListVersionsAsync(name, cancellation);

        public Task<KeyVersion> RotateAsync(string name, CancellationToken cancellation) => vault.RotateAsync(name, cancellation);

        public Task DisableAsync(string kid, CancellationToken cancellation) => vault.DisableAsync(kid, cancellation);

        public Task<byte[]> SignAsync(string kid, byte[] digest, CancellationToken cancellation) => vault.SignAsync(kid, digest, cancellation);

        public Task<byte[]> UnwrapAsync(string kid, byte[] wrapped, CancellationToken cancellation) => vault.UnwrapAsync(kid, wrapped, cancellation);
    }
}
