// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Homes;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary><c>fedcloud-silo init</c>: a home folder with fresh keys, and the fingerprints to confirm over another channel.</summary>
internal static class InitCommand
{
    public static Command Create()
    {
        Option<string> home = Invocation.Home();
        Option<string> invitation = new("--invitation") { Description = "The invitation's file.", Required = true };
        Option<string?> dataCard = new("--data-card") { HelpName = "FILE", Description = "What the silo tells the federation about its data, as JSON; docs/silo-policy.md describes it. The silo joins with it." };
        Command command = new("init", "Makes the silo's home folder and keys, and prints their fingerprints.") { home, invitation, dataCard };
        command.SetAction(async (parsed, cancellation) =>
        {
            SiloHome made = SiloHome.Create(parsed.GetRequiredValue(home), parsed.GetRequiredValue(invitation), parsed.GetValue(dataCard));
            (VerificationKey identity, _) = await made.KeyAsync(SiloHome.IdentityKey, cancellation);
            (VerificationKey witness, _) = await made.KeyAsync(SiloHome.WitnessKey, cancellation);
            (VerificationKey administrator, _) = await made.KeyAsync(SiloHome.AdministratorKey, cancellation);
            Console.WriteLine(JsonSerializer.Serialize(
                new Fingerprints(made.Invitation.SiloId.Value, identity.Fingerprint.Hex, witness.Fingerprint.Hex, administrator.Fingerprint.Hex, VerificationKey.FromBase64(made.Invitation.CoordinatorSpki).Fingerprint.Hex),
                TerminalJson.Default.Fingerprints));
            return (int)ExitCode.Done;
        });
        return command;
    }
}
