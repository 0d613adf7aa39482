// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>Who took part in a round, and how many had to.</summary>
internal static class RoundMemberFields
{
    private const string NoRoster = "the evidence does not hold the roster in force";
    private const string Sha256 = "SHA-256";
    private const string PlainHasNone = "plain mode has no threshold of secret shares";

    public static FieldContent RosterVersion(ReportContext report, RoundAttempt round) => OfRoster(round, roster => FieldContent.Of(ReportValue.Of(roster.Version, ValueSource.Roster, "version")));

    public static FieldContent RosterHash(ReportContext report, RoundAttempt round) => OfRoster(round, roster => FieldContent.Of(new ReportValue(roster.Digest().Hex, ValueSource.Roster) { Unit = Sha256 }));

    public static FieldContent U2Count(ReportContext report, RoundAttempt round) => OfEpoch(round, epoch => epoch.Members.Length > 0
        ? FieldContent.Of(ReportValue.Of(epoch.Members.Length, ValueSource.Evidence, "silos").Proved(epoch.Ready.Cite) with { Note = "the acknowledgements whose hash the log names" })
        : FieldContent.None("the log has the hash; the count needs the round's signed bodies (audit export --sums)"));

    public static FieldContent U2Hash(ReportContext report, RoundAttempt round) => OfEpoch(round, epoch =>
        FieldContent.Of(new ReportValue(epoch.Ready.Subject("u2").Hex, ValueSource.Log) { Unit = Sha256 }.Proved(epoch.Ready.Cite)));

    public static FieldContent U3Count(ReportContext report, RoundAttempt round) => OfList(round, list => ReportValue.Of(list.Integer("count"), ValueSource.Log, "silos"));

    public static FieldContent U3Hash(ReportContext report, RoundAttempt round) => OfList(round, list => new ReportValue(list.Subject("u3").Hex, ValueSource.Log) { Unit = Sha256 });

    public static FieldContent N(ReportContext report, RoundAttempt round) => OfRoster(round, roster => FieldContent.Of(ReportValue.Of(roster.N, ValueSource.Roster, "silos")));

    public static FieldContent T(ReportContext report, RoundAttempt round) => OfBounds(round, bounds => ReportValue.Of(bounds.Threshold, ValueSource.Roster, "silos"));

    public static FieldContent MinimumHonest(ReportContext report, RoundAttempt round) => OfBounds(round, bounds =>
        ReportValue.Of(bounds.Threshold - bounds.MaxColluders, ValueSource.Computed, "silos") with { Note = "t - c_max, as long as no more than c_max silos collude" });

    public static FieldContent MaxColluders(ReportContext report, RoundAttempt round) => OfBounds(round, bounds => ReportValue.Of(bounds.MaxColluders, ValueSource.Computed, "silos"));

    public static FieldContent GroupsUsed(ReportContext report, RoundAttempt round) => report.OfPlan(_ => FieldContent.Of(report.Planned("not used")));

    public static FieldContent Quorum(ReportContext report, RoundAttempt round) => report.OfPlan(plan => (round.IsPlain, BoundsOf(round)) switch
    {
        (false, { } bounds) => FieldContent.Of(
            report.Planned(plan.Participation.Quorum, "updates, by the plan"),
            ReportValue.Of(bounds.Quorum(plan.Participation.Quorum), ValueSource.Computed, "updates, with the threshold t").Proved(report.PlanCited)),
        _ => FieldContent.Of(report.Planned(plan.Participation.Quorum, "updates, by the plan")),
    });

    /// <summary>What the roster tolerates; null without a roster, and for one that secure aggregation does not take.</summary>
    public static CohortBounds? BoundsOf(RoundAttempt round) => round.Roster?.Roster.N is >= Fcsa1.MinSilos and <= Fcsa1.MaxSilos ? CohortBounds.Of(round.Roster.Roster.N) : null;

    private static FieldContent OfEpoch(RoundAttempt round, Func<EpochOfRound, FieldContent> field) => (round.IsPlain, round.Epoch) switch
    {
        (true, _) => FieldContent.None("plain mode has no epochs"),
        (_, { } epoch) => field(epoch),
        _ => FieldContent.None("no epoch of the log gives the rid"),
    };

    private static FieldContent OfList(RoundAttempt round, Func<LoggedRecord, ReportValue> value) => round.U3 is { } list
        ? FieldContent.Of(value(list).Proved(list.Cite))
        : FieldContent.None("the log has no list of this attempt");

    private static FieldContent OfRoster(RoundAttempt round, Func<Roster, FieldContent> field)
    {
        if (round.Roster is not { } roster)
        {
            return FieldContent.None(NoRoster);
        }

        FieldContent content = field(roster.Roster);
        return content with { Values = [.. content.Values.Select(value => value.Proved(roster.Logged.Cite))] };
    }

    private static FieldContent OfBounds(RoundAttempt round, Func<CohortBounds, ReportValue> value) => round.IsPlain
        ? FieldContent.None(PlainHasNone)
        : OfRoster(round, _ => BoundsOf(round) is { } bounds ? FieldContent.Of(value(bounds)) : FieldContent.None("secure aggregation takes no roster of this size"));
}
