// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Journals;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary><c>fedcloud-silo witness resume</c>: the administrator lets a stopped silo follow the log again (docs/silo-log.md).</summary>
internal static class WitnessCommand
{
    public static Command Create()
    {
        Option<string> home = Invocation.Home();
        Option<bool> forget = new("--forget") { Description = "Also puts the last signed checkpoint aside: the federation decided for a history that this silo has not signed." };
        Command resume = new("resume", "After a refusal: lets the silo follow the log again. The agent must not be running.") { home, forget };
        resume.SetAction(parsed =>
        {
            SiloHome opened = SiloHome.Open(parsed.GetRequiredValue(home));
            using SiloJournal journal = SiloJournal.Open(opened.JournalPath);
            if (journal.State.LogRefusal is null)
            {
                throw new FedCloudException(ErrorCodes.LogNotRefused, "this silo follows the log");
            }

            if (parsed.GetValue(forget))
            {
                opened.ForgetWitness();
            }

            journal.Append(new LogResumed(TimeProvider.System.GetUtcNow()));
            return (int)ExitCode.Done;
        });
        return new Command("witness", "The silo's witness of the audit log.") { resume };
    }
}
