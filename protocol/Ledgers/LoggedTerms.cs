// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Ledgers;

/// <summary>What a job whose reserve is in the log reserved, by this ledger as far as it knows it and by its plan for the rest.</summary>
/// <param name="ConfigSha256">The digest of its plan.</param>
/// <param name="Rounds">Each mechanism's terms and most rounds.</param>
internal sealed record LoggedTerms(Sha256Digest ConfigSha256, ImmutableArray<(LedgerTerms Terms, long Rounds)> Rounds)
{
    /// <summary>The terms; null where a mechanism is unknown to both.</summary>
    public static LoggedTerms? Of(LedgerJob job, LoggedReserve logged)
    {
        ReserveRequest? plan = logged.Recomputed is { } request && (job.ConfigSha256 is null || job.ConfigSha256 == request.ConfigSha256) ? request : null;
        ImmutableArray<(LedgerTerms Terms, long Rounds)> known = [.. job.ByMechanism.Values.Select(reserve => (reserve.Terms, reserve.Rounds))];
        ImmutableArray<(LedgerTerms Terms, long Rounds)> all =
        [
            .. known,
            .. plan is null ? [] : plan.Terms.Where(terms => !job.ByMechanism.ContainsKey(terms.Mechanism)).Select(terms => (terms, plan.MaxRounds)),
        ];
        return (job.ConfigSha256 ?? plan?.ConfigSha256) is { } config && all.Length > 0 && (job.Mechanisms == 0 || job.Mechanisms == all.Length)
            ? new LoggedTerms(config, all)
            : null;
    }
}
