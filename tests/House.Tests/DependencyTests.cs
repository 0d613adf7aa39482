// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Xml.Linq;
using Xunit;

namespace FedCloud.House.Tests;

/// <summary>The arrows between projects, read from the project files.</summary>
public sealed class DependencyTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["FedCloud.Protocol"] = [],
        ["FedCloud.Cloud"] = ["FedCloud.Protocol"],
        ["FedCloud.Coordinator"] = ["FedCloud.Protocol", "FedCloud.Cloud"],
        ["FedCloud.Api"] = ["FedCloud.Coordinator"],
        ["FedCloud.LocalHost"] = ["FedCloud.Coordinator", "FedCloud.Api"],
        ["FedCloud.Functions"] = ["FedCloud.Coordinator", "FedCloud.Api"],
        ["FedCloud.SiloAgent"] = ["FedCloud.Protocol", "FedCloud.Cloud"],
        ["FedCloud.Training"] = ["FedCloud.Protocol"],
        ["FedCloud.Trainer"] = ["FedCloud.Training"],
        ["FedCloud.Cli"] = ["FedCloud.Protocol", "FedCloud.Cloud"],
    };

    private static readonly string[] BaseLibraryOnly = ["FedCloud.Protocol", "FedCloud.Training", "FedCloud.Trainer"];

    [Fact]
    public void Projects_References_FollowTheArrows()
    {
        foreach ((string name, XDocument project) in Projects())
        {
            string[] references = [.. LinkedReferences(project)];

            Assert.True(Allowed.ContainsKey(name), $"{name} has no row in the table of arrows");
            Assert.Empty(references.Except(Allowed[name], StringComparer.Ordinal));
        }
    }

    [Fact]
    public void Projects_BaseLibraryOnly_ReferenceNoPackage()
    {
        foreach ((string name, XDocument project) in Projects().Where(project => BaseLibraryOnly.Contains(project.Name, StringComparer.Ordinal)))
        {
            Assert.True(!project.Descendants("PackageReference").Any(), $"{name} references a package");
            Assert.True(!project.Descendants("FrameworkReference").Any(), $"{name} references a framework");
        }
    }

    [Fact]
    public void Projects_All_AreInTheSolution()
    {
        string solution = File.ReadAllText(Path.Combine(Root(), "FedCloud.sln"));

        Assert.All(ProjectFiles(Root()), path => Assert.Contains(Path.GetFileName(path), solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Sources_Folders_AreNotNamedByKind()
    {
        string[] kinds = ["Models", "Services", "Interfaces", "Helpers", "Utils", "Common", "Shared", "Core"];
        string cliModels = Path.Combine("cli", "Models"); // adapter versions, the domain's word

        IEnumerable<string> found = Directory.EnumerateDirectories(Root(), "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root(), path))
            .Where(path => !path.StartsWith("artifacts", StringComparison.Ordinal) && !path.StartsWith('.') && !string.Equals(path, cliModels, StringComparison.Ordinal))
            .Where(path => kinds.Contains(Path.GetFileName(path), StringComparer.Ordinal));

        Assert.Empty(found);
    }

    private static IEnumerable<(string Name, XDocument Project)> Projects() =>
        ProjectFiles(Root())
            .Where(path => !Path.GetRelativePath(Root(), path).StartsWith("tests", StringComparison.Ordinal) && !Path.GetRelativePath(Root(), path).StartsWith("eng", StringComparison.Ordinal))
            .Select(path => (Path.GetFileNameWithoutExtension(path), XDocument.Load(path)));

    private static IEnumerable<string> ProjectFiles(string root) =>
        Directory.EnumerateFiles(root, "*.csproj", SearchOption.AllDirectories)
            .Where(path => !Path.GetRelativePath(root, path).StartsWith("artifacts", StringComparison.Ordinal));

    // A reference that only orders the build links nothing.
    private static IEnumerable<string> LinkedReferences(XDocument project) =>
        project.Descendants("ProjectReference")
            .Where(reference => !string.Equals((string?)reference.Attribute("ReferenceOutputAssembly"), "false", StringComparison.Ordinal))
            .Select(reference => Path.GetFileNameWithoutExtension(((string?)reference.Attribute("Include") ?? string.Empty).Replace('\\', '/')));

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests run inside the repository");
    }
}
