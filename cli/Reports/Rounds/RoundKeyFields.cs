// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Signing;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>The keys that were in use when a round began.</summary>
internal static class RoundKeyFields
{
    private const string NoRoster = "the evidence does not hold the roster in force";

    public static FieldContent WrappingKey(ReportContext report, RoundAttempt round)
    {
        LoggedRecord? current = report.Evidence.Of(EntryTypes.KekCurrent).LastOrDefault(record => record.Index < round.Start.Index);
        return current is null
            ? FieldContent.None("the log has no entry of a wrapping key before the round")
            : FieldContent.Of(
                new ReportValue(current.Word("kid"), ValueSource.Log).Proved(current.Cite),
                new ReportValue(current.Subject("kek").Hex, ValueSource.Log) { Unit = "SHA-256 of the public key" }.Proved(current.Cite));
    }

    public static FieldContent MessageKey(ReportContext report, RoundAttempt round) => round.Roster is { } roster
        ? FieldContent.Of(roster.Roster.CoordinatorSpkiSha256.Select(key => new ReportValue(key.Hex, ValueSource.Roster) { Unit = "SHA-256 of the public key" }.Proved(roster.Logged.Cite)))
        : FieldContent.None(NoRoster);

    public static FieldContent LogKey(ReportContext report, RoundAttempt round) => round.Roster is { } roster
        ? FieldContent.Of(new ReportValue(VerificationKey.FromVKey(roster.Roster.LogVkey).Fingerprint.Hex, ValueSource.Roster) { Unit = "SHA-256 of the public key" }.Proved(roster.Logged.Cite))
        : FieldContent.None(NoRoster);

    public static FieldContent MemberKeys(ReportContext report, RoundAttempt round) => round.Roster is { } roster
        ? FieldContent.Of(ReportValue.Of(roster.Roster.Version, ValueSource.Roster, "roster version").Proved(roster.Logged.Cite))
        : FieldContent.None(NoRoster);
}
