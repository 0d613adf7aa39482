// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Xunit;

namespace FedCloud.House.Tests;

/// <summary>Rules that every source file keeps.</summary>
public sealed class SourceTests
{
    [Fact]
    public void Sources_All_BeginWithTheLicenceLine()
    {
        Assert.All(SourceFiles(), path => Assert.StartsWith("// Copyright (c) FedCloud contributors. Licensed under the MIT License.", File.ReadAllText(path), StringComparison.Ordinal));
    }

    [Fact]
    public void Trainer_Sources_UseNoNetwork()
    {
        IEnumerable<string> trainer = SourceFiles().Where(path => path.Contains("/silo-agent/Train", StringComparison.Ordinal) || path.Contains("/protocol/", StringComparison.Ordinal));

        Assert.All(trainer, path => Assert.DoesNotContain("System.Net", File.ReadAllText(path), StringComparison.Ordinal));
    }

    private static IEnumerable<string> SourceFiles()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        string root = folder?.FullName ?? throw new InvalidOperationException("the tests run inside the repository");
        return Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/artifacts/", StringComparison.Ordinal) && !path.Contains("/obj/", StringComparison.Ordinal));
    }
}
