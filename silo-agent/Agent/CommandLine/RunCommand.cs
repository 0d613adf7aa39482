// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
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
        Option<string> baseWeights = new("--base-weights")
        {
            Description = "How trainers hold the base model in memory: f32, bf16 or int8. Less memory trains on a slightly different base. Default: FEDCLOUD_BASE_WEIGHTS, else f32.",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("FEDCLOUD_BASE_WEIGHTS") is { Length: > 0 } set ? set : "f32",
        };
        baseWeights.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is not ("f32" or "bf16" or "int8"))
            {
                result.AddError("--base-weights (or FEDCLOUD_BASE_WEIGHTS) has to be f32, bf16 or int8.");
            }
        });
        Command command = new("run", "Serves the federation until it is stopped; prints what it does as JSON lines.") { home, baseWeights };
        command.SetAction(async (parsed, cancellation) =>
        {
            bool exports = OtlpSettings.IsOn(Environment.GetEnvironmentVariable);
            SiloHome opened = SiloHome.Open(parsed.GetRequiredValue(home));
            (VerificationKey administrator, _) = await opened.KeyAsync(SiloHome.AdministratorKey, cancellation);
            using AgentTelemetry? telemetry = exports ? new AgentTelemetry(opened.Invitation.SiloId) : null;
            void Say(object report) => Show(JsonSerializer.Serialize(report, Lines), telemetry);
            void Tell(string phase, string detail) => Say(new { silo = opened.Invitation.SiloId.Value, phase, detail, at = TimeProvider.System.GetUtcNow() });
            PolicyWatch policy = new(opened.PolicyPath, administrator, refused => Tell("policy_refused", refused.Message));
            TrainerProcess trainer = new(TrainerProcess.Find(Environment.GetEnvironmentVariable("FEDCLOUD_TRAINER")));
            JobDevice? device = TrainerDevice.Read(Environment.GetEnvironmentVariable);
            using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            _ = StopWithInputAsync(stop);
            while (true)
            {
                using (SiloAgentService agent = new(opened, policy.Current, trainer, TimeProvider.System, Say, new SiloAgentOptions { HasNewPolicy = policy.HasNext, BaseWeights = parsed.GetRequiredValue(baseWeights), Device = device }))
                {
                    await agent.RunAsync(stop.Token);
                }

                if (stop.IsCancellationRequested)
                {
                    return (int)ExitCode.Done;
                }

                policy.Take();
                Tell("policy", $"policy {policy.Current.Digest().Hex[..12]} is in force");
            }
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
