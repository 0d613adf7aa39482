// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud silo list|invite|revoke</c>.</summary>
internal static class SiloCommands
{
    public static Command Create() => new("silo", "The federation's silos.") { List(), Invite(), Revoke() };

    private static Command List()
    {
        Option<bool> json = Invocation.Json();
        Command command = new("list", "Lists the silos and the fingerprints to confirm over another channel.") { json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            SiloList silos = await client.SilosAsync(cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(silos, ApiJson.Default.SiloList));
                return (int)ExitCode.Done;
            }

            Console.WriteLine(silos.RosterVersion == 0 ? $"{silos.Federation}: no roster yet" : $"{silos.Federation}: roster version {silos.RosterVersion}");
            foreach (SiloSummary silo in silos.Silos)
            {
                Console.WriteLine($"{silo.Silo}  {silo.Status}");
                if (silo.IkSpkiSha256 is { } identity)
                {
                    Console.WriteLine($"  identity      {identity}\n  witness       {silo.WitnessSpkiSha256}\n  administrator {silo.AdminSpkiSha256}");
                }
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Invite()
    {
        Argument<string> id = Id();
        Option<string> output = new("--out") { Description = "The file to write the invitation to; it is secret.", Required = true };
        Option<bool> json = Invocation.Json();
        Command command = new("invite", "Makes an invitation: code and credentials for one silo.") { id, output, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            string path = Path.GetFullPath(parsed.GetRequiredValue(output));
            PrivateFile.Write(path, await client.InviteAsync(parsed.GetRequiredValue(id), cancellation));
            Console.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(new InvitationDocument(parsed.GetRequiredValue(id), path), CliJson.Default.InvitationDocument)
                : $"The invitation is in {path} (mode 0600). Hand it over on a channel that you trust.");
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Revoke()
    {
        Argument<string> id = Id();
        Option<bool> json = Invocation.Json();
        Command command = new("revoke", "Asks the members to sign a roster without this silo.") { id, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            await client.RevokeAsync(parsed.GetRequiredValue(id), cancellation);
            SiloList silos = await client.SilosAsync(cancellation);
            bool isListed = silos.Silos.Any(silo => string.Equals(silo.Silo.Value, parsed.GetRequiredValue(id), StringComparison.Ordinal));
            Console.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(silos, ApiJson.Default.SiloList)
                : !isListed ? $"{parsed.GetRequiredValue(id)} was no member yet; its invitation is void."
                : $"The members are asked to sign a roster without {parsed.GetRequiredValue(id)}; it stays a member until enough have. Follow it with 'fedcloud silo list'.");
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Argument<string> Id() => new("ID") { Description = "The silo's id." };
}
