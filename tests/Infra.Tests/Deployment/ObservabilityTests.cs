// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace FedCloud.Infra.Tests.Deployment;

/// <summary>Workbook, dashboard and alerts speak of the coordinator's metrics and of no others.</summary>
public sealed partial class ObservabilityTests
{
    private static readonly string[] Metrics =
    [
        "fedcloud.key.expires_in",
        "fedcloud.ledger.refused",
        "fedcloud.mailbox.age",
        "fedcloud.mailbox.dead_letters",
        "fedcloud.privacy.epsilon_range",
        "fedcloud.round.bytes",
        "fedcloud.round.dropouts",
        "fedcloud.round.failed",
        "fedcloud.round.participants",
        "fedcloud.round.phase.duration",
    ];

    // In JSON the quotes of a query are escaped.
    [GeneratedRegex("""Name == \\?"(?<metric>[a-z._]+)""", RegexOptions.ExplicitCapture)]
    private static partial Regex Query { get; }

    [Theory]
    [InlineData("infra/workbook.json", "items")]
    [InlineData("docs/grafana/fedcloud.json", "panels")]
    public void Dashboards_Queries_ShowEachMetric(string path, string parts)
    {
        string text = Repository.Read(path);
        using JsonDocument document = JsonDocument.Parse(text);

        Assert.Equal(Metrics, Queried(text));
        Assert.NotEmpty(document.RootElement.GetProperty(parts).EnumerateArray());
    }

    [Fact]
    public void Alerts_Queries_AreOnKnownMetrics()
    {
        string text = Repository.Read("infra/modules/alerts.bicep");

        Assert.Equal(["fedcloud.key.expires_in", "fedcloud.ledger.refused", "fedcloud.mailbox.dead_letters", "fedcloud.round.failed"], Queried(text));
    }

    private static IEnumerable<string> Queried(string text) =>
        Query.Matches(text).Select(match => match.Groups["metric"].Value).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
}
