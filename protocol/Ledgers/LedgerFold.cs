// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Ledgers;

/// <summary>What each type of entry does to a ledger, and when it may.</summary>
internal static class LedgerFold
{
    internal static LedgerState Take(LedgerState state, LedgerEntry entry)
    {
        if (entry.Type == LedgerEntryType.Limit)
        {
            return state with { Limit = entry.Limit, LimitSig = entry.ApprovalSig };
        }

        RunId id = entry.Job ?? throw Illegal(entry, "it names no job");
        LedgerJob job = state.Jobs.GetValueOrDefault(id) ?? new LedgerJob();
        job = entry.Type switch
        {
            LedgerEntryType.Reserve => Reserve(job, entry, Need(entry, entry.Terms)),
            LedgerEntryType.Charge => Charge(job, entry, Need(entry, entry.Terms)),
            LedgerEntryType.Settle => Settle(job, entry),
            LedgerEntryType.Refuse => Refuse(job, entry),
            _ when string.Equals(entry.Reason, LedgerReasons.Accountant, StringComparison.Ordinal) => Recompute(job, entry, Need(entry, entry.Terms)),
            _ => Bar(job, entry, Need(entry, entry.Terms)),
        };
        return state with { Jobs = state.Jobs.SetItem(id, job) };
    }

    /// <summary>How many rounds a discontinuous start makes spent: what the present reserve holds, and each reserve that is only in the log.</summary>
    internal static long Counted(LedgerReserve? known, long reserves, long rounds) =>
        known is null ? reserves * rounds : known.Left + (Math.Max(0, reserves - known.Reserves) * rounds);

    private static LedgerJob Reserve(LedgerJob job, LedgerEntry entry, LedgerTerms terms)
    {
        (long rounds, long mechanisms) = (Need(entry, entry.Rounds), Need(entry, entry.Mechanisms));
        if (job.Status is LedgerJobStatus.Refused or LedgerJobStatus.Barred)
        {
            Require(entry, job.Status == LedgerJobStatus.Refused || mechanisms == job.Mechanisms, "the job's reserve changed");
            job = job with { Status = LedgerJobStatus.Reserved, ConfigSha256 = job.ConfigSha256 ?? entry.ConfigSha256, Mechanisms = mechanisms, Reserves = job.Reserves + 1 };
        }

        LedgerReserve? known = job.ByMechanism.GetValueOrDefault(terms.Mechanism);
        Require(entry, job.Status == LedgerJobStatus.Reserved, "the job is settled");
        Require(entry, !job.IsComplete && (known is null || known.Reserves < job.Reserves), "the mechanism has its reserve");
        Require(entry, job.ConfigSha256 == entry.ConfigSha256 && job.Mechanisms == mechanisms && (known is null || (known.Terms == terms && rounds <= known.Rounds)), "the job's reserve changed");
        LedgerReserve reserve = new() { Terms = terms, Reserves = job.Reserves, Rounds = rounds, SpentRounds = known?.SpentRounds ?? 0 };
        return job with { ByMechanism = job.ByMechanism.SetItem(terms.Mechanism, reserve), ApprovalSig = entry.ApprovalSig };
    }

    private static LedgerJob Charge(LedgerJob job, LedgerEntry entry, LedgerTerms terms)
    {
        LedgerChargeKey key = new(Need(entry, entry.Round), Need(entry, entry.NoiseId));
        LedgerReserve reserve = Need(entry, job.ByMechanism.GetValueOrDefault(terms.Mechanism));
        Require(entry, job is { Status: LedgerJobStatus.Reserved, IsComplete: true }, "the job has no reserve that can be charged");
        Require(entry, reserve.Terms == terms && string.Equals(job.ApprovalSig, entry.ApprovalSig, StringComparison.Ordinal), "it has other values than the reserve");
        Require(entry, reserve.Left > 0, "the reserve is used up");
        Require(entry, !job.Charges.ContainsKey(key), "the charge was made before");
        return job with
        {
            ByMechanism = job.ByMechanism.SetItem(terms.Mechanism, reserve with { Used = reserve.Used + 1, SpentRounds = reserve.SpentRounds + 1 }),
            Charges = job.Charges.Add(key, terms.Mechanism),
        };
    }

    private static LedgerJob Settle(LedgerJob job, LedgerEntry entry)
    {
        Require(entry, job.Status is LedgerJobStatus.Reserved or LedgerJobStatus.Barred, "the job has nothing to settle");
        return job with { Status = LedgerJobStatus.Settled };
    }

    private static LedgerJob Refuse(LedgerJob job, LedgerEntry entry)
    {
        string reason = Need(entry, entry.Reason);
        Require(entry, !job.WasRefused(reason), "the job was refused for this reason before");
        return job with { Refusals = job.Refusals.Add(reason) };
    }

    private static LedgerJob Recompute(LedgerJob job, LedgerEntry entry, LedgerTerms terms)
    {
        LedgerReserve reserve = Need(entry, job.ByMechanism.GetValueOrDefault(terms.Mechanism));
        Require(entry, terms.Cover(reserve.Terms), "it lowers what was spent, or changes what was reserved");
        return job with { ByMechanism = job.ByMechanism.SetItem(terms.Mechanism, reserve with { Terms = terms }) };
    }

    private static LedgerJob Bar(LedgerJob job, LedgerEntry entry, LedgerTerms terms)
    {
        (long rounds, long reserves, long mechanisms) = (Need(entry, entry.Rounds), Need(entry, entry.Reserves), Need(entry, entry.Mechanisms));
        LedgerReserve? known = job.ByMechanism.GetValueOrDefault(terms.Mechanism);
        Require(entry, job.ConfigSha256 is null || (job.ConfigSha256 == entry.ConfigSha256 && job.Mechanisms == mechanisms), "the job's reserve changed");
        Require(entry, known is null || (known.Terms == terms && known.Rounds == rounds && reserves >= known.Reserves), "the job's reserve changed");
        long counted = Counted(known, reserves, rounds);
        Require(entry, entry.Counted == counted, $"it counts {entry.Counted} rounds where {counted} are to be counted");
        LedgerReserve full = new() { Terms = terms, Reserves = reserves, Rounds = rounds, Used = rounds, SpentRounds = (known?.SpentRounds ?? 0) + counted };
        job = job with
        {
            Status = LedgerJobStatus.Barred,
            ConfigSha256 = entry.ConfigSha256,
            ApprovalSig = entry.ApprovalSig,
            Mechanisms = mechanisms,
            Reserves = Math.Max(job.Reserves, reserves),
            ByMechanism = job.ByMechanism.SetItem(terms.Mechanism, full),
        };
        return job.IsComplete ? job with { Refusals = job.Refusals.Remove(ErrorCodes.LedgerGap.Name, StringComparer.Ordinal) } : job;
    }

    private static T Need<T>(LedgerEntry entry, T? value)
        where T : class => value ?? throw Illegal(entry, "something that it needs is missing");

    private static T Need<T>(LedgerEntry entry, T? value)
        where T : struct => value ?? throw Illegal(entry, "something that it needs is missing");

    private static void Require(LedgerEntry entry, bool holds, string otherwise)
    {
        if (!holds)
        {
            throw Illegal(entry, otherwise);
        }
    }

    private static FedCloudException Illegal(LedgerEntry entry, string found) => new(ErrorCodes.LedgerBroken, $"entry {entry.Seq}, {entry.Type}: {found}");
}
