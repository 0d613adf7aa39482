// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed partial class TranscriptCheckTests
{
    [Fact]
    public void Run_KnownAnswers_AllMatch()
    {
        ImmutableArray<TranscriptReport> reports = TranscriptCheck.Run(Vectors.Read("secagg_fcsa1_kat.json"));

        Assert.Equal(3, reports.Length);
        Assert.All(reports, report => Assert.True(report.Matches, string.Join(", ", report.Findings.Where(finding => !finding.Matches).Select(finding => finding.Check + ": " + string.Join(' ', finding.Differing)))));
        Assert.All(reports, report => Assert.Empty(report.UnknownMembers));
        Assert.Equal(26, reports[0].Findings.Length);
        Assert.Equal(42, reports[0].Findings.Single(finding => finding.Check == "share_ciphertexts").Compared);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_AnyValueChanged_Differs(int index)
    {
        JsonNode transcript = Vectors.Transcripts()[index]!;
        string[] places = [.. Leaves(transcript).Where(place => index == 1 || IsChecked(place))];
        foreach (string place in places)
        {
            JsonNode changed = JsonNode.Parse(transcript.ToJsonString())!;
            Change(changed, place);

            Assert.False(Matches(changed), $"{place} was changed, and every check matches");
        }

        Assert.InRange(places.Length, 150, 3000);
    }

    [Fact]
    public void Run_OneShareChanged_NamesTheSilo()
    {
        JsonArray transcripts = Vectors.Transcripts();
        Change(transcripts[0]!, "/silos/4/shares_b/2");

        TranscriptReport report = TranscriptCheck.Run(Encoding.UTF8.GetBytes(transcripts.ToJsonString()))[0];

        Assert.Equal(["silo 4"], report.Findings.Single(finding => finding.Check == "shares_b").Differing.ToArray());
        Assert.Equal(["silo 4"], report.Findings.Single(finding => finding.Check == "share_commitments").Differing.ToArray());
        Assert.Equal(["4->3"], report.Findings.Single(finding => finding.Check == "share_ciphertexts").Differing.ToArray());
        Assert.True(report.Findings.Single(finding => finding.Check == "shares_s").Matches);
    }

    [Fact]
    public void Run_MemberThatNoCheckReads_IsListed()
    {
        JsonArray transcripts = Vectors.Transcripts();
        transcripts[1]!["note"] = "x";
        transcripts[1]!["silos"]!["2"]!["extra"] = 1;

        TranscriptReport report = TranscriptCheck.Run(Encoding.UTF8.GetBytes(transcripts.ToJsonString()))[1];

        Assert.True(report.Matches);
        Assert.Equal(["note", "silos.2.extra"], report.UnknownMembers.ToArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[{}]")]
    [InlineData("[null]")]
    [InlineData("[1]")]
    public void Run_OtherText_IsRefused(string text)
    {
        Assert.Equal(ErrorCodes.TranscriptMalformed, Assert.Throws<FedCloudException>(() => TranscriptCheck.Run(Encoding.UTF8.GetBytes(text))).Code);
    }

    [Fact]
    public void Run_AnyMemberMissing_IsRefused()
    {
        JsonObject transcript = Vectors.Transcripts()[1]!.AsObject();
        foreach (string name in transcript.Select(pair => pair.Key).ToArray())
        {
            JsonNode changed = JsonNode.Parse(transcript.ToJsonString())!;
            changed.AsObject().Remove(name);

            Assert.Equal(ErrorCodes.TranscriptMalformed, Assert.Throws<FedCloudException>(() => Matches(changed)).Code);
        }
    }

    private static bool Matches(JsonNode transcript) => TranscriptCheck.Run(Encoding.UTF8.GetBytes("[" + transcript.ToJsonString() + "]"))[0].Matches;

    // Two things left no trace that they could be compared with: the input of a silo that dropped out before the upload
    // (silo 2), and a silo's commitments to its own shares of slots that were not used (slots 0 and 2).
    private static bool IsChecked(string place) =>
        !place.StartsWith("/silos/2/x/", StringComparison.Ordinal)
        && !(UnusedOwn().Match(place) is { Success: true } own && int.Parse(own.Groups["u"].Value) == int.Parse(own.Groups["v"].Value) + 1);

    [GeneratedRegex("^/silos/(?<u>[0-9]+)/share_commitments/(?<v>[0-9]+)/[0145]$", RegexOptions.NonBacktracking)]
    private static partial Regex UnusedOwn();

    private static IEnumerable<string> Leaves(JsonNode? node, string place = "") => node switch
    {
        JsonObject members => members.SelectMany(member => Leaves(member.Value, $"{place}/{member.Key}")),
        JsonArray items => items.SelectMany((item, i) => Leaves(item, $"{place}/{i}")),
        null => [],
        _ => [place],
    };

    private static void Change(JsonNode root, string place)
    {
        string[] steps = place.Split('/')[1..];
        JsonNode parent = steps[..^1].Aggregate(root, (node, step) => (node is JsonArray array ? array[int.Parse(step)] : node[step])!);
        JsonNode leaf = (parent is JsonArray items ? items[int.Parse(steps[^1])] : parent[steps[^1]])!;
        leaf.ReplaceWith(leaf.GetValueKind() == System.Text.Json.JsonValueKind.Number ? JsonValue.Create(leaf.GetValue<long>() ^ 1) : JsonValue.Create(Changed(leaf.GetValue<string>())));
    }

    // The last hexadecimal digit of a text takes its neighbour's value.
    private static string Changed(string text)
    {
        int at = text.LastIndexOfAny([.. "0123456789abcdef"]);
        return text[..at] + (char)(text[at] is '9' or 'f' ? text[at] - 1 : text[at] + 1) + text[(at + 1)..];
    }
}
