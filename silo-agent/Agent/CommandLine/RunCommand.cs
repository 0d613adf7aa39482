// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Policies;
using FedCloud.SiloAgent.Runs;
using FedCloud.SiloAgent.Telemetry;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary><c>fedcloud-silo run</c>: the agent serves its federation until it is stopped.</summary>
internal static class RunCommand
{
    private static readonly JsonSerializerOptions Lines = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static Command Create()
    {
        Option<string> home = Invocation.Home();
        Command command = new("run", "Serves the federation until it is stopped; prints what it does as JSON lines.") { home };
        command.SetAction(async (parsed, cancellation) =>
        {
            bool exports = OtlpSettings.IsOn(Environment.GetEnvironmentVariable);
            SiloHome opened = SiloHome.Open(parsed.GetRequiredValue(home));
            (VerificationKey administrator, _) = await opened.KeyAsync(SiloHome.AdministratorKey, cancellation);
            SiloPolicy policy = SiloPolicy.Read(opened.PolicyPath, administrator);
            TrainerProcess trainer = new(TrainerProcess.Find(Environment.GetEnvironmentVariable("FEDCLOUD_TRAINER")));
            using AgentTelemetry? telemetry = exports ? new AgentTelemetry(opened.Invitation.SiloId) : null;
            using SiloAgentService agent = new(opened, policy, trainer, TimeProvider.System, report => Show(JsonSerializer.Serialize(report, Lines), telemetry));
            using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            _ = StopWithInputAsync(stop);
            await agent.RunAsync(stop.Token);
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static void Show(string line, AgentTelemetry? telemetry)
    {
        Console.WriteLine(line);
        telemetry?.Report(line);
    }

    // A parent that starts agents as children holds their standard input: when it goes away, however it ends, they stop.
    private static async Task StopWithInputAsync(CancellationTokenSource stop)
    {
        if (string.Equals(Environment.GetEnvironmentVariable("FEDCLOUD_STOP_WITH_INPUT"), "1", StringComparison.Ordinal))
        {
            await Console.OpenStandardInput().CopyToAsync(Stream.Null);
            await stop.CancelAsync();
        }
    }
}
