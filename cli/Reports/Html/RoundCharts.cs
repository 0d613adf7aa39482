// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Protocol.Enrolment;

namespace FedCloud.Cli.Reports.Html;

/// <summary>The rounds as bars: whose updates counted, how long they took, and how well silos found their models where they disclose it.</summary>
/// <param name="html">Where to.</param>
internal sealed class RoundCharts(HtmlWriter html)
{
    private const double Width = 480;
    private const double Height = 180;
    private const double Left = 48;
    private const double Bottom = 30;
    private const double Top = 16;

    /// <summary>Writes the charts; nothing without rounds.</summary>
    public void Write(ImmutableArray<RoundPage> rounds)
    {
        if (rounds.IsEmpty)
        {
            return;
        }

        html.Open("div", ("class", "charts"));
        int members = rounds.Max(round => round.Figures.Members);
        Chart(
            "Updates that count, by attempt",
            members >= 3 ? $"Of {members} members; the dashed line is t = {Roster.Threshold(members)}, the fewest under secure aggregation. Grey: no result." : $"Of {members} members. Grey: no result.",
            rounds,
            round => round.Figures.Counted ?? 0,
            Math.Max(1, members),
            members >= 3 ? Roster.Threshold(members) : null);
        Chart(
            "Seconds from start to end, by attempt",
            "By the coordinator's clock, as the log has it. Grey: no result.",
            rounds,
            round => round.Figures.Seconds ?? 0,
            Math.Max(1, rounds.Max(round => round.Figures.Seconds ?? 0)),
            need: null);
        if (rounds.Any(round => round.Figures.Loss is not null))
        {
            Chart(
                "Mean evaluation loss of the model that an attempt made",
                "Loss per token, as silos disclosed and signed it, each on its own examples. The dashed line is the worst silo's. No bar: no result, or no figures of two silos or more.",
                rounds,
                round => round.Figures.Loss ?? 0,
                Math.Max(0.001m, rounds.Max(round => round.Figures.WorstLoss ?? 0)),
                need: null,
                round => round.Figures.WorstLoss);
        }

        html.Close("div");
    }

    private void Chart(string title, string caption, ImmutableArray<RoundPage> rounds, Func<RoundPage, decimal> value, decimal most, long? need, Func<RoundPage, decimal?>? mark = null)
    {
        html.Open("figure").Open("svg", ("viewBox", Text($"0 0 {Width} {Height}")), ("role", "img"));
        html.Element("title", title).Element("desc", string.Join("; ", rounds.Select(round => Text($"round {round.Round}: {value(round)}"))));
        Line("axis", Left, Y(0, most), Width - 8, Y(0, most));
        Line("axis", Left, Y(most, most), Width - 8, Y(most, most));
        Label(Left - 6, Y(most, most) + 5, "end", Text($"{most:0.###}"));
        Label(Left - 6, Y(0, most) + 5, "end", "0");
        double step = (Width - Left - 8) / rounds.Length;
        foreach ((int i, RoundPage round) in rounds.Index())
        {
            double x = Left + (i * step);
            double top = Y(value(round), most);
            html.Open("rect", ("class", round.Figures.HasResult ? "bar" : "off"), ("x", Text($"{x + (step * 0.15):0.##}")), ("y", Text($"{top:0.##}")), ("width", Text($"{Math.Min(step * 0.7, 60):0.##}")), ("height", Text($"{Y(0, most) - top:0.##}"))).Close("rect");
            if (mark?.Invoke(round) is { } worst)
            {
                Line("need", x + (step * 0.15), Y(worst, most), x + (step * 0.15) + Math.Min(step * 0.7, 60), Y(worst, most));
            }

            if (rounds.Length <= 12 || i % (rounds.Length / 10) == 0)
            {
                Label(x + (step * 0.15) + (Math.Min(step * 0.7, 60) / 2), Height - 8, "middle", round.Round.ToString(CultureInfo.InvariantCulture));
            }
        }

        if (need is { } line)
        {
            Line("need", Left, Y(line, most), Width - 8, Y(line, most));
        }

        html.Close("svg").Open("figcaption").Element("b", title + ". ").Text(caption).Close("figcaption").Close("figure");
    }

    private void Line(string kind, double x1, double y1, double x2, double y2) =>
        html.Open("line", ("class", kind), ("x1", Text($"{x1:0.##}")), ("y1", Text($"{y1:0.##}")), ("x2", Text($"{x2:0.##}")), ("y2", Text($"{y2:0.##}"))).Close("line");

    private void Label(double x, double y, string anchor, string text) => html.Element("text", text, ("x", Text($"{x:0.##}")), ("y", Text($"{y:0.##}")), ("text-anchor", anchor));

    private static double Y(decimal value, decimal most) => Top + ((Height - Top - Bottom) * (1 - (double)(Math.Clamp(value, 0, most) / most)));

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
