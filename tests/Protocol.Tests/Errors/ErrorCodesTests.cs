// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Protocol.Tests.Errors;

public sealed class ErrorCodesTests
{
    [Fact]
    public void Codes_All_AreSnakeCaseAndDocumented()
    {
        string table = string.Join('\n', ErrorCodes.All.Values.OrderBy(code => code.Name, StringComparer.Ordinal).Select(code => $"| `{code.Name}` | {(int)code.Exit} | {code.Meaning} | {code.NextStep} |"));
        string path = Path.Combine(Root(), "docs", "errors.md");
        if (Environment.GetEnvironmentVariable("FEDCLOUD_WRITE_DOCS") == "1")
        {
            string[] kept = [.. File.ReadAllLines(path).TakeWhile(line => !line.StartsWith("| `", StringComparison.Ordinal))];
            File.WriteAllText(path, string.Join('\n', kept) + '\n' + table + '\n');
        }

        Assert.All(ErrorCodes.All.Keys, name => Assert.Matches("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", name));
        Assert.Contains(table, File.ReadAllText(path), StringComparison.Ordinal);
    }

    [Fact]
    public void Exception_Message_IsOneLineWithCodeAndNextStep()
    {
        FedCloudException error = new(ErrorCodes.DataEmpty, "first\nsecond");

        Assert.Equal("data_empty: first second. Next: " + ErrorCodes.DataEmpty.NextStep + ".", error.Message);
    }

    internal static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests run inside the repository");
    }
}
