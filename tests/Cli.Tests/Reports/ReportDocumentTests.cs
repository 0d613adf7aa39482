// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Frameworks;
using FedCloud.Protocol.Reports;
using Xunit;

namespace FedCloud.Cli.Tests.Reports;

/// <summary>docs/reports.md says what the tables say.</summary>
public sealed class ReportDocumentTests
{
    [Fact]
    public void Reports_Document_ListsEveryTextKey()
    {
        string table = string.Join('\n', FrameworkTable.TextKeys.Order(StringComparer.Ordinal).Select(key => $"| `{key}` | {Places(key)} |"));
        string path = Path.Combine(Root(), "docs", "reports.md");
        if (Environment.GetEnvironmentVariable("FEDCLOUD_WRITE_DOCS") == "1")
        {
            string[] lines = File.ReadAllLines(path);
            string[] before = [.. lines.TakeWhile(line => line != "<!-- keys -->")];
            string[] after = [.. lines.SkipWhile(line => line != "<!-- end -->")];
            File.WriteAllText(path, string.Join('\n', [.. before, "<!-- keys -->", table, .. after]) + '\n');
        }

        Assert.Contains(table, File.ReadAllText(path), StringComparison.Ordinal);
    }

    [Fact]
    public void Frameworks_Table_HasTheNamesThatConsentsMayHave() =>
        Assert.Equal(ReportFramework.All, FrameworkTable.All.Select(framework => framework.Name));

    [Fact]
    public void Reports_Document_NamesEveryFramework() =>
        Assert.All(ReportFramework.All, framework => Assert.Contains($"`{framework}`", File.ReadAllText(Path.Combine(Root(), "docs", "reports.md")), StringComparison.Ordinal));

    private static string Places(string key) => string.Join("; ", FrameworkTable.All
        .SelectMany(framework => framework.Articles.SelectMany(article => article.Rows).Where(row => row.TextKey == key).Select(row => $"{framework.Name}: {row.Title}"))
        .Distinct());

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        return folder!.FullName;
    }
}
