// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Policies;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary><c>fedcloud-silo policy sign</c>: the administrator signs what the silo allows.</summary>
internal static class PolicyCommand
{
    public static Command Create()
    {
        Option<string> home = Invocation.Home();
        Argument<string> file = new("FILE") { Description = "The policy as JSON; docs/silo-policy.md describes it." };
        Command sign = new("sign", "Checks a policy, signs it with the administrator's key, and puts it into force.") { home, file };
        sign.SetAction(async (parsed, cancellation) =>
        {
            SiloHome opened = SiloHome.Open(parsed.GetRequiredValue(home));
            string path = parsed.GetRequiredValue(file);
            if (!File.Exists(path))
            {
                throw new FedCloudException(ErrorCodes.FileMissing, "expected the policy's file, found none");
            }

            SiloPolicy policy = SiloPolicy.Parse(await File.ReadAllBytesAsync(path, cancellation));
            if (policy.SiloId != opened.Invitation.SiloId || policy.Federation != opened.Invitation.Federation)
            {
                throw new FedCloudException(ErrorCodes.PolicyMalformed, "the policy names another silo or federation than the invitation", "correct silo_id and federation");
            }

            Sha256Digest signed = await PolicySigning.SignAsync(opened, policy, TimeProvider.System, cancellation);
            Console.WriteLine($"policy {signed} is signed. An agent that runs takes it up when its present work is done.");
            return (int)ExitCode.Done;
        });
        return new Command("policy", "The silo's policy.") { sign };
    }
}
