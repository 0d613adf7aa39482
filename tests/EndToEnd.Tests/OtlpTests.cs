// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Messages;
using Xunit;

namespace FedCloud.EndToEnd.Tests;

/// <summary>Real processes send telemetry where OpenTelemetry's own variables say, and nowhere else.</summary>
public sealed class OtlpTests
{
    [Fact]
    public async Task Processes_WithACollector_SendSpansMetricsAndLines()
    {
        await using OtlpReceiver collector = new();
        LocalCoordinator coordinator = new() { More = collector.Variables };
        await coordinator.InitializeAsync();
        try
        {
            await using SiloOnDisk silo = new("silo-a", coordinator.Folder);
            string invitation = Path.Combine(coordinator.Folder, "invitation.json");
            await File.WriteAllBytesAsync(invitation, await coordinator.Client.InviteAsync(silo.Name, CancellationToken.None));
            await silo.AllowAsync([await silo.InitAsync(invitation)], "train.jsonl", "eval.jsonl");

            SiloInvitation invited = SiloInvitation.Parse(await File.ReadAllBytesAsync(invitation));
            using RestBlobStore store = new(new Uri(invited.StorageEndpoint), new SasCredential(invited.Sas));
            await new BlobMailbox(store, "mail-coordinator", TimeProvider.System).SendAsync(MessageId.Of(1, new byte[MessageId.RandomBytes]), "patient 17"u8.ToArray(), CancellationToken.None);
            silo.Start(collector.Variables);

            await collector.WaitForAsync("/v1/traces", "fedcloud-coordinator", "fedcloud.message.take", "Joining", "test-federation");
            await collector.WaitForAsync("/v1/metrics", "fedcloud-coordinator", "fedcloud.mailbox.age", "coordinator");
            await collector.WaitForAsync("/v1/metrics", "fedcloud-coordinator", "fedcloud.mailbox.dead_letters");
            await collector.WaitForAsync("/v1/logs", "fedcloud-coordinator", "Message {Id} is put aside: {Reason}", "message_malformed");
            await collector.WaitForAsync("/v1/logs", "fedcloud-silo", "silo-a", "started");
        }
        finally
        {
            await coordinator.DisposeAsync();
        }

        foreach (string secret in (string[])[LocalCoordinator.Token, "train.jsonl", coordinator.Folder, "sig=", "journal at", "patient"])
        {
            Assert.DoesNotContain(secret, collector.Of("/v1/traces") + collector.Of("/v1/metrics") + collector.Of("/v1/logs"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Agent_UnusableEndpoint_SaysSoInOneLine()
    {
        string folder = Directory.CreateTempSubdirectory("otlp").FullName;
        try
        {
            Dictionary<string, string?> variables = new(StringComparer.Ordinal) { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "collector" };

            (int exit, _, string errors) = await Programs.RunAsync(Programs.Silo, variables, ["run", "--home", folder]);

            Assert.Equal(3, exit);
            Assert.StartsWith("setting_missing: expected OTEL_EXPORTER_OTLP_ENDPOINT to be an http or https address", errors, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', errors);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
