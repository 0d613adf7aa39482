// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Plans;
using FedCloud.SiloAgent.Policies;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary><c>fedcloud-silo plan show|approve|refuse</c>: the administrator's answers to plans that the policy leaves open.</summary>
internal static class PlanCommand
{
    public static Command Create() => new("plan", "Plans that the silo was offered: read them, approve or refuse them.") { Show(), Answer(isApproved: true), Answer(isApproved: false) };

    private static Command Show()
    {
        Option<string> home = Invocation.Home();
        Argument<string?> run = new("RUN") { Description = "The run; without it, all are listed.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> json = new("--json") { Description = "Print one JSON document." };
        Command command = new("show", "Shows plans. Nothing is changed; the agent may be running.") { home, run, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            SiloHome opened = SiloHome.Open(parsed.GetRequiredValue(home));
            PlanShelf shelf = new(opened);
            DateTimeOffset now = TimeProvider.System.GetUtcNow();
            IEnumerable<string> lines;
            if (parsed.GetValue(run) is { } text)
            {
                PlanStanding plan = shelf.Get(RunId.Parse(text));
                RunConfig config = shelf.Plan(plan);
                (VerificationKey administrator, _) = await opened.KeyAsync(SiloHome.AdministratorKey, cancellation);
                ErrorCode? refusal = SiloPolicy.Read(opened.PolicyPath, administrator).Refusal(config, opened.NewestRoster()?.N ?? 0);
                lines = parsed.GetValue(json)
                    ? [JsonSerializer.Serialize(new ShownPlan(plan, config, refusal?.Name), TerminalJson.Default.ShownPlan)]
                    : PlanText.Whole(plan, config, refusal, now);
            }
            else
            {
                PlanStanding[] all = [.. shelf.All()];
                lines = parsed.GetValue(json) ? [JsonSerializer.Serialize(new ShownPlans(all), TerminalJson.Default.ShownPlans)] : PlanText.List(all, now);
            }

            foreach (string line in lines)
            {
                Console.WriteLine(line);
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Answer(bool isApproved)
    {
        Option<string> home = Invocation.Home();
        Argument<string> run = new("RUN") { Description = "The run." };
        Option<string?> plan = new("--plan") { HelpName = "SHA256", Description = "The plan that you have read; nothing is signed if another one was offered." };
        Command command = new(isApproved ? "approve" : "refuse", $"{(isApproved ? "Approves" : "Refuses")} a plan with the administrator's key; an answer is final, and the log shows it.") { home, run, plan };
        command.SetAction(async (parsed, cancellation) =>
        {
            SiloHome opened = SiloHome.Open(parsed.GetRequiredValue(home));
            Sha256Digest? read = parsed.GetValue(plan) is { } text ? Sha256Digest.Parse(text, "plan") : null;
            PlanStanding answered = await new PlanDesk(opened, TimeProvider.System).AnswerAsync(RunId.Parse(parsed.GetRequiredValue(run)), read, isApproved, cancellation);
            Console.WriteLine($"{answered.Job}: {(isApproved ? "approved" : "refused")}, plan {answered.ConfigSha256}. The agent sends the answer as soon as it runs.");
            if (isApproved && answered.AnswerDue < TimeProvider.System.GetUtcNow())
            {
                Console.WriteLine($"The coordinator stopped waiting for it at {answered.AnswerDue:yyyy-MM-dd HH:mm:ss} UTC: it counts from the next round on, if the run has begun.");
            }

            return (int)ExitCode.Done;
        });
        return command;
    }
}
