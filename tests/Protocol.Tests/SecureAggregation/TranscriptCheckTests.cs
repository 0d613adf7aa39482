// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class TranscriptCheckTests
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
}
