// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Tests.Errors;
using Xunit;

namespace FedCloud.Protocol.Tests.Plans;

public sealed class PlanDocumentTests
{
    [Fact]
    public void PlanFormat_Document_ListsEveryField()
    {
        string table = string.Join('\n', PlanSchema.Fields.Select(field => $"| `{field.Path}` | {field.Type.Describe()} | {Default(field)} | {field.Unit} | {field.Meaning} |"));
        string path = Path.Combine(ErrorCodesTests.Root(), "docs", "plan-format.md");
        if (Environment.GetEnvironmentVariable("FEDCLOUD_WRITE_DOCS") == "1")
        {
            string[] lines = File.ReadAllLines(path);
            string[] before = [.. lines.TakeWhile(line => !line.StartsWith("| `v`", StringComparison.Ordinal) && line != "<!-- fields -->")];
            string[] after = [.. lines.SkipWhile(line => !line.StartsWith("<!-- end -->", StringComparison.Ordinal))];
            File.WriteAllText(path, string.Join('\n', [.. before, table, .. after]) + '\n');
        }

        Assert.Contains(table, File.ReadAllText(path), StringComparison.Ordinal);
    }

    private static string Default(PlanField field) => field.Default switch
    {
        null => "-",
        "" => "empty",
        string text => $"`{text}`",
    };
}
