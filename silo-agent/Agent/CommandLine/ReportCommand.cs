// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Reports;
using FedCloud.Protocol.Safetensors;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Reports;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary><c>fedcloud-silo report consent</c>: the administrator lets values of this silo appear in one report.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        Option<string> home = Invocation.Home();
        Argument<string> run = new("RUN") { Description = "The run that the report is about." };
        Option<string> framework = new("--framework") { HelpName = "NAME", Description = $"The report: {string.Join(", ", ReportFramework.All)}.", Required = true };
        Option<string?> root = new("--root") { HelpName = "SHA256", Description = "Only for evidence that ends with this root of the log, as 'fedcloud audit verify' prints it; without it, for any evidence of the run under its plan." };
        Option<string> output = new("--out") { HelpName = "FILE", Description = "The file to write; give it to whoever writes the report.", Required = true };
        Command consent = new("consent", "Signs with the administrator's key that values of this silo may appear in one report. It cannot be taken back from whoever has the file.") { home, run, framework, root, output };
        consent.SetAction(async (parsed, cancellation) =>
        {
            SiloHome opened = SiloHome.Open(parsed.GetRequiredValue(home));
            RunId job = RunId.Parse(parsed.GetRequiredValue(run));
            string name = parsed.GetRequiredValue(framework);
            Sha256Digest? only = parsed.GetValue(root) is { } text ? Sha256Digest.Parse(text, "root") : null;
            byte[] file = await new ConsentDesk(opened).SignAsync(job, name, only, cancellation);
            string path = parsed.GetRequiredValue(output);
            WholeFile.Write(path, file);
            Console.WriteLine($"{opened.Invitation.SiloId} consents to the report {name} of {job}{(only is null ? string.Empty : $" at root {only}")}: {path}. The report takes it with 'fedcloud audit report --consent {path}'.");
            return (int)ExitCode.Done;
        });
        return new Command("report", "Reports about runs of this silo.") { consent };
    }
}
