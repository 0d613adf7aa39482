// Copyright (c) FedCloud contributors. Licensed under the MIT License.

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

namespace FedCloud.SiloAgent.Policies;

/// <summary>The administrator's signature under a policy, and what has to be there before the policy is in force: its entry for the log, and its limit in the ledger.</summary>
public static class PolicySigning
{
    /// <summary>Signs a policy and puts it into force; an agent that runs takes it up between two pieces of work.</summary>
    /// <param name="home">The silo's home, with the administrator's key.</param>
    /// <param name="policy">The policy; the training file's digest is filled in where the budget leaves it out.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The policy's hash, as entries of the log name it.</returns>
    /// <exception cref="FedCloudException"><c>dataset_changed</c>, <c>file_missing</c>, or a code of the ledger; the policy in force stays.</exception>
    public static async Task<Sha256Digest> SignAsync(SiloHome home, SiloPolicy policy, TimeProvider time, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(home);
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(time);
        policy = await WithManifestAsync(policy, cancellation);
        DsseEnvelope signed = await home.SignAsync(SiloHome.AdministratorKey, SiloPolicy.PayloadType, Jcs.Serialize(policy, SiloPolicyJson.Default.SiloPolicy), cancellation);
        await SetLimitAsync(home, policy, Convert.ToBase64String(signed.Signatures[0].Sig), time, cancellation);
        await AdministratorEntries.SignPolicyAsync(home, policy.Digest(), time.GetUtcNow(), cancellation);
        WholeFile.Write(home.PolicyPath, JsonSerializer.SerializeToUtf8Bytes(signed, FrameJson.Default.DsseEnvelope));
        return policy.Digest();
    }

    // The declared numbers are about one file, which the signature names.
    private static async Task<SiloPolicy> WithManifestAsync(SiloPolicy policy, CancellationToken cancellation)
    {
        if (policy.Ledger is not { } ledger)
        {
            return policy;
        }

        Sha256Digest found = await FileDigest.OfAsync(policy.TrainFile, cancellation);
        return ledger.ManifestSha256 is { } named && named != found
            ? throw new FedCloudException(ErrorCodes.DatasetChanged, $"ledger.manifest_sha256: expected {named.Hex[..12]}, found {found.Hex[..12]}")
            : policy with { Ledger = ledger with { ManifestSha256 = found } };
    }

    // The limit is in the ledger before the policy is in force, so an agent never works under a limit that is not there.
    private static async Task SetLimitAsync(SiloHome home, SiloPolicy policy, string approvalSig, TimeProvider time, CancellationToken cancellation)
    {
        if (policy.Ledger is not { } budget)
        {
            return;
        }

        using SiloLedger ledger = SiloLedger.Open(home.LedgersFolder, budget.DataSet(policy.TrainFile), time);
        LedgerStep step = ledger.SetLimit(budget.ToLimit(), approvalSig);
        if (step.Refusal is { } refusal)
        {
            throw new FedCloudException(refusal, "the ledger does not take the policy's limit");
        }

        ledger.NameExcluded(budget.UnaccountedRuns);

        // Also one that an earlier command wrote before it was stopped.
        foreach (LedgerEntry limit in ledger.Entries.Where(entry => entry.Type == LedgerEntryType.Limit))
        {
            await AdministratorEntries.SignLimitAsync(home, limit, time.GetUtcNow(), cancellation);
        }
    }
}
