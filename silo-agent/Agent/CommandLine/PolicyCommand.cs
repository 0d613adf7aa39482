// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Audit;
using FedCloud.SiloAgent.Budgets;
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

            policy = await WithManifestAsync(policy, cancellation);
            await AdministratorEntries.SignPolicyAsync(opened, policy.Digest(), TimeProvider.System.GetUtcNow(), cancellation);
            DsseEnvelope signed = await opened.SignAsync(SiloHome.AdministratorKey, SiloPolicy.PayloadType, Jcs.Serialize(policy, SiloPolicyJson.Default.SiloPolicy), cancellation);
            await SetLimitAsync(opened, policy, Convert.ToBase64String(signed.Signatures[0].Sig), cancellation);
            WholeFile.Write(opened.PolicyPath, JsonSerializer.SerializeToUtf8Bytes(signed, FrameJson.Default.DsseEnvelope));
            return (int)ExitCode.Done;
        });
        return new Command("policy", "The silo's policy.") { sign };
    }

    // The declared numbers are about one file, which the signature names.
    private static async Task<SiloPolicy> WithManifestAsync(SiloPolicy policy, CancellationToken cancellation)
    {
        if (policy.Ledger is not { } ledger)
        {
            return policy;
        }

        if (!File.Exists(policy.TrainFile))
        {
            throw new FedCloudException(ErrorCodes.FileMissing, "expected the policy's train_file, found none");
        }

        await using FileStream file = File.OpenRead(policy.TrainFile);
        Sha256Digest found = Sha256Digest.FromBytes(await SHA256.HashDataAsync(file, cancellation));
        return ledger.ManifestSha256 is { } named && named != found
            ? throw new FedCloudException(ErrorCodes.DatasetChanged, $"ledger.manifest_sha256: expected {named.Hex[..12]}, found {found.Hex[..12]}")
            : policy with { Ledger = ledger with { ManifestSha256 = found } };
    }

    // The limit is in the ledger before the policy is in force, so an agent never works under a limit that is not there.
    private static async Task SetLimitAsync(SiloHome home, SiloPolicy policy, string approvalSig, CancellationToken cancellation)
    {
        if (policy.Ledger is not { } budget)
        {
            return;
        }

        using SiloLedger ledger = SiloLedger.Open(home.LedgersFolder, budget.DataSet(policy.TrainFile), TimeProvider.System);
        LedgerStep step = ledger.SetLimit(budget.ToLimit(), approvalSig);
        if (step.Refusal is { } refusal)
        {
            throw new FedCloudException(refusal, "the ledger does not take the policy's limit");
        }

        // Also one that an earlier command wrote before it was stopped.
        foreach (LedgerEntry limit in ledger.Entries.Where(entry => entry.Type == LedgerEntryType.Limit))
        {
            await AdministratorEntries.SignLimitAsync(home, limit, TimeProvider.System.GetUtcNow(), cancellation);
        }
    }
}
