// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;

namespace FedCloud.Cli.Reports;

/// <summary>Where everything lies in a report's folder.</summary>
internal static class ReportPaths
{
    public const string Json = "report.json";
    public const string Html = "report.html";
    public const string Transcript = "verification.jsonl";
    public const string Evidence = "evidence.zip";
    public const string Sums = "sha256sums.txt";

    public static string Entry(long index) => string.Create(CultureInfo.InvariantCulture, $"entries/{index}.json");

    public static string Proof(long index) => string.Create(CultureInfo.InvariantCulture, $"proofs/{index}.tlog-proof");

    public static string Checkpoint(long size) => string.Create(CultureInfo.InvariantCulture, $"checkpoints/{size}");

    public static string Card(ModelCard card, string suffix) => $"model-cards/model-card-{card.Key}.{suffix}";
}
