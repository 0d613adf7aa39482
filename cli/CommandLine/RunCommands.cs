// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cli.Plans;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud run submit|list|show|watch|cancel</c>.</summary>
internal static class RunCommands
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public static Command Create() => new("run", "Submits and follows training runs.") { Submit(), List(), Show(), Watch(), Cancel() };

    /// <summary>A fresh run id.</summary>
    public static string NewJob() => "run-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));

    /// <summary>A submitted plan: job, federation and base model filled in, and checked for the silos where their number is known.</summary>
    public static RunConfig Complete(PlanNode plan, string federation, Sha256Digest? baseModel, int? silos = null)
    {
        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = NewJob(), ["federation"] = federation };
        if (baseModel is { } digest)
        {
            filledIn["base_model"] = digest.Hex;
        }

        return PlanReader.Require(PlanReader.Read(plan, filledIn, silos));
    }

    private static Command Submit()
    {
        Argument<string> file = new("FILE") { Description = "The plan." };
        Option<string?> baseModel = new("--base") { Description = "A folder with the base model, uploaded unless the coordinator has it." };
        Option<bool> json = Invocation.Json();
        Command command = new("submit", "Submits a plan; silos are asked to approve it.") { file, baseModel, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            PlanNode plan = YamlPlan.Read(parsed.GetRequiredValue(file));
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            SiloList silos = await client.SilosAsync(cancellation);
            string? folder = parsed.GetValue(baseModel);
            int? members = silos.RosterVersion == 0 ? null : silos.Silos.Count(silo => silo.Idx is not null);
            RunConfig config = Complete(plan, silos.Federation.Value, folder is null ? null : BaseModelManifest.OfFolder(folder).Digest(), members);
            if (folder is not null)
            {
                BaseModelFit.Require(config, folder);
                await client.UploadBaseAsync(folder, cancellation);
            }

            Print(await client.SubmitAsync(config, cancellation), parsed.GetValue(json));
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command List()
    {
        Option<bool> json = Invocation.Json();
        Command command = new("list", "Lists all runs.") { json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            RunList runs = await client.RunsAsync(cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(runs, ApiJson.Default.RunList));
            }
            else
            {
                foreach (RunSummary run in runs.Runs)
                {
                    Print(run, json: false);
                }
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Show()
    {
        Argument<string> id = Id();
        Option<bool> json = Invocation.Json();
        Command command = new("show", "Shows a run, its silos and its rounds.") { id, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            RunDetail run = await client.RunAsync(parsed.GetRequiredValue(id), cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(run, ApiJson.Default.RunDetail));
            }
            else
            {
                Print(run);
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Watch()
    {
        Argument<string> id = Id();
        Option<bool> json = Invocation.Json();
        Command command = new("watch", "Follows a run to its end.") { id, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            int shown = 0;
            while (true)
            {
                RunDetail run = await client.RunAsync(parsed.GetRequiredValue(id), cancellation);
                foreach (RoundRecord round in run.Rounds.Skip(shown))
                {
                    Console.Error.WriteLine(RoundLine.Of(round));
                    shown++;
                }

                if (run.IsOver)
                {
                    if (parsed.GetValue(json))
                    {
                        Console.WriteLine(JsonSerializer.Serialize(run, ApiJson.Default.RunDetail));
                    }
                    else
                    {
                        Console.WriteLine($"{run.State.Config.Job}  {run.State.Phase}{(run.State.Reason is { } reason ? $"  {reason}" : string.Empty)}");
                        Console.WriteLine(PrivacyLine.Of(run.State.Config));
                    }

                    return (int)(run.State.Phase == RunPhase.Completed ? ExitCode.Done : ExitCode.Failed);
                }

                await Task.Delay(Interval, cancellation);
            }
        });
        return command;
    }

    private static Command Cancel()
    {
        Argument<string> id = Id();
        Option<bool> json = Invocation.Json();
        Command command = new("cancel", "Ends a run; a round that is being committed still commits.") { id, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            Print(await client.CancelAsync(parsed.GetRequiredValue(id), cancellation), parsed.GetValue(json));
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Argument<string> Id() => new("ID") { Description = "The run's id." };

    private static void Print(RunSummary run, bool json) => Console.WriteLine(json
        ? JsonSerializer.Serialize(run, ApiJson.Default.RunSummary)
        : $"{run.Job}  {run.Adapter}  {run.Phase}  {run.CommittedRounds}/{run.Rounds} rounds  {run.SubmittedAt:u}{(run.Reason is { } reason ? $"  {reason}" : string.Empty)}");

    private static void Print(RunDetail run)
    {
        RunState state = run.State;
        Console.WriteLine($"{state.Config.Job}  {state.Config.Adapter}  {state.Phase}  {state.CommittedRounds}/{state.Config.Rounds} rounds{(state.Reason is { } reason ? $"  {reason}" : string.Empty)}");
        Console.WriteLine("  " + PrivacyLine.Of(state.Config));
        foreach ((Protocol.Identity.SiloId silo, SiloStanding standing) in state.Silos)
        {
            Console.WriteLine($"  {silo}  {standing.Approval}{(standing.Reason.Length > 0 ? $"  {standing.Reason}" : string.Empty)}");
        }

        foreach (RoundRecord round in run.Rounds)
        {
            Console.WriteLine("  " + RoundLine.Of(round));
        }
    }
}
