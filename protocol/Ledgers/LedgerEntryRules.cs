// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using FedCloud.Protocol.Audit;

namespace FedCloud.Protocol.Ledgers;

/// <summary>Which members each type of entry has, and their bounds.</summary>
internal static class LedgerEntryRules
{
    /// <summary>The most rounds of a reserve.</summary>
    internal const long MaxRounds = 1_000_000;

    private const long MaxCount = 1L << 40;
    private const decimal MaxReal = 1_000_000_000_000_000m;
    private const int MaxText = 128;
    private const int MaxSignature = 512;

    private static readonly (string Name, Func<LedgerEntry, object?> Get)[] Members =
    [
        ("job", entry => entry.Job), ("round", entry => entry.Round), ("noise_id", entry => entry.NoiseId),
        ("mechanism", entry => entry.Mechanism), ("unit", entry => entry.Unit), ("z", entry => entry.Z), ("z_eff", entry => entry.ZEff),
        ("q", entry => entry.Q), ("steps", entry => entry.Steps), ("clip", entry => entry.Clip), ("rdp", entry => entry.Rdp),
        ("pld_eps", entry => entry.PldEps), ("delta", entry => entry.Delta), ("accountant_version", entry => entry.AccountantVersion),
        ("sampler_profile", entry => entry.SamplerProfile), ("approval_sig", entry => entry.ApprovalSig), ("config_sha256", entry => entry.ConfigSha256),
        ("rounds", entry => entry.Rounds), ("mechanisms", entry => entry.Mechanisms), ("reserves", entry => entry.Reserves), ("counted", entry => entry.Counted),
        ("reason", entry => entry.Reason), ("eps_max", entry => entry.EpsMax), ("delta_max", entry => entry.DeltaMax),
        ("manifest_sha256", entry => entry.ManifestSha256), ("records", entry => entry.Records),
    ];

    private static readonly string[] Terms = ["mechanism", "unit", "z", "z_eff", "q", "steps", "clip", "rdp", "pld_eps", "delta", "accountant_version", "sampler_profile"];

    private static readonly FrozenSet<string> OfLimit = Set("eps_max", "delta_max", "unit", "records", "manifest_sha256", "approval_sig");
    private static readonly FrozenSet<string> OfReserve = Set([.. Terms, "job", "approval_sig", "config_sha256", "rounds", "mechanisms"]);
    private static readonly FrozenSet<string> OfCharge = Set([.. Terms, "job", "approval_sig", "round", "noise_id"]);
    private static readonly FrozenSet<string> OfSettle = Set("job");
    private static readonly FrozenSet<string> OfRefuse = Set("job", "reason");
    private static readonly FrozenSet<string> OfStart = Set([.. Terms, "job", "reason", "approval_sig", "config_sha256", "rounds", "mechanisms", "reserves", "counted"]);
    private static readonly FrozenSet<string> OfAccountant = Set([.. Terms, "job", "reason", "approval_sig"]);

    /// <summary>What is wrong with an entry; null when nothing is.</summary>
    internal static string? Fault(LedgerEntry entry)
    {
        FrozenSet<string> expected = entry.Type switch
        {
            LedgerEntryType.Limit => OfLimit,
            LedgerEntryType.Reserve => OfReserve,
            LedgerEntryType.Charge => OfCharge,
            LedgerEntryType.Settle => OfSettle,
            LedgerEntryType.Refuse => OfRefuse,
            _ => string.Equals(entry.Reason, LedgerReasons.Accountant, StringComparison.Ordinal) ? OfAccountant : OfStart,
        };
        foreach ((string name, Func<LedgerEntry, object?> get) in Members)
        {
            if ((get(entry) is not null) != expected.Contains(name))
            {
                return $"{name} is {(expected.Contains(name) ? "missing" : "no member of this type of entry")}";
            }
        }

        string? bad = Bounds(entry).FirstOrDefault(rule => !rule.Holds).Name;
        return bad is null ? null : $"{bad} is out of range";
    }

    private static IEnumerable<(string Name, bool Holds)> Bounds(LedgerEntry entry) =>
    [
        ("seq", entry.Seq is >= 1 and <= MaxCount),
        ("time", entry.Time is not null && LogEntry.ParseTime(entry.Time) is not null),
        ("round", entry.Round is null or (>= 0 and <= MaxCount)),
        ("z", Real(entry.Z)),
        ("z_eff", Real(entry.ZEff)),
        ("q", entry.Q is null or (> 0 and <= 1)),
        ("steps", entry.Steps is null or (>= 1 and <= MaxCount)),
        ("clip", Real(entry.Clip)),
        ("pld_eps", entry.PldEps is null or (>= 0 and <= MaxReal)),
        ("delta", Probability(entry.Delta)),
        ("accountant_version", Text(entry.AccountantVersion)),
        ("sampler_profile", Text(entry.SamplerProfile)),
        ("approval_sig", entry.ApprovalSig is null || (entry.ApprovalSig.Length is > 0 and <= MaxSignature && StrictBase64.TryDecode(entry.ApprovalSig, out _))),
        ("rounds", entry.Rounds is null or (>= 1 and <= MaxRounds)),
        ("mechanisms", entry.Mechanisms is null || (entry.Mechanisms >= 1 && entry.Mechanisms <= Enum.GetValues<LedgerMechanism>().Length)),
        ("reserves", entry.Reserves is null or (>= 1 and <= MaxRounds)),
        ("counted", entry.Counted is null or (>= 0 and <= MaxCount)),
        ("reason", Reason(entry)),
        ("eps_max", Real(entry.EpsMax)),
        ("delta_max", Probability(entry.DeltaMax)),
        ("records", entry.Records is null or (>= 1 and <= MaxCount)),
    ];

    private static bool Real(decimal? value) => value is null or (> 0 and <= MaxReal);

    private static bool Probability(decimal? value) => value is null or (> 0 and < 1);

    private static bool Text(string? text) => text is null || (text.Length is > 0 and <= MaxText && text.All(c => c is > ' ' and <= '~'));

    private static bool Reason(LedgerEntry entry) => entry.Type == LedgerEntryType.Recompute
        ? entry.Reason is LedgerReasons.Accountant or LedgerReasons.DiscontinuousStart
        : entry.Reason is null || (entry.Reason.Length is > 0 and <= MaxText && entry.Reason.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_'));

    private static FrozenSet<string> Set(params string[] names) => FrozenSet.ToFrozenSet(names, StringComparer.Ordinal);
}
