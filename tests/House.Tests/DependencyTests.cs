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
        ["FedCloud.TorchTrainer"] = ["FedCloud.Training"],
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
            Assert.True(!ExternalPackages(project).Any(), $"{name} references an external package");
        }
    }

    [Fact]
    public void ExternalPackages_All_HaveAContractAndACentralVersion()
    {
        string[] versions = [.. XDocument.Load(Path.Combine(Root(), "Directory.Packages.props")).Descendants("PackageVersion").Select(version => (string?)version.Attribute("Include") ?? string.Empty)];
        string[] used = [.. AllProjects().SelectMany(project => ExternalPackages(project.Project)).Distinct(StringComparer.Ordinal)];

        Assert.NotEmpty(used);
        string[] buildOnly = [.. AllProjects().SelectMany(project => project.Project.Descendants("ExternalPackage")).Where(package => (string?)package.Attribute("BuildOnly") is "true").Select(package => (string?)package.Attribute("Include") ?? string.Empty)];
        Assert.All(used.Except(buildOnly, StringComparer.Ordinal), package => Assert.True(File.Exists(Path.Combine(Contracts(), package, package + ".csproj")), $"{package} has no contract in eng/contracts"));
        Assert.All(used, package => Assert.Contains(package, versions, StringComparer.Ordinal));

        // A contract that nobody uses is not compiled against anything, and decays.
        Assert.All(Directory.GetDirectories(Contracts()).Select(path => Path.GetFileName(path)), contract => Assert.Contains(contract, used, StringComparer.Ordinal));
    }

    [Fact]
    public void Contracts_All_AreReachedThroughTheSwitchOnly()
    {
        foreach ((string name, XDocument project) in AllProjects())
        {
            string[] contracts = [.. project.Descendants("ProjectReference").Select(reference => (string?)reference.Attribute("Include") ?? string.Empty).Where(path => path.Contains("contracts", StringComparison.Ordinal))];
            Assert.True(contracts.Length == 0, $"{name} references a contract by its path; it says ExternalPackage instead");
            string[] direct = [.. project.Descendants("PackageReference").Select(reference => (string?)reference.Attribute("Include") ?? string.Empty)];
            Assert.True(!direct.Intersect(Directory.GetDirectories(Contracts()).Select(path => Path.GetFileName(path)), StringComparer.Ordinal).Any(), $"{name} references a package that has a contract");
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

    // Contracts stand for packages: any project may reach them that says ExternalPackage, and they reach no project.
    private static IEnumerable<(string Name, XDocument Project)> Projects() =>
        ProjectFiles(Root())
            .Where(path => !Path.GetRelativePath(Root(), path).StartsWith("tests", StringComparison.Ordinal) && !path.StartsWith(Contracts(), StringComparison.Ordinal))
            .Select(path => (Path.GetFileNameWithoutExtension(path), XDocument.Load(path)));

    private static IEnumerable<(string Name, XDocument Project)> AllProjects() => ProjectFiles(Root()).Select(path => (Path.GetFileNameWithoutExtension(path), XDocument.Load(path)));

    private static IEnumerable<string> ExternalPackages(XDocument project) => project.Descendants("ExternalPackage").Select(package => (string?)package.Attribute("Include") ?? string.Empty);

    private static string Contracts() => Path.Combine(Root(), "eng", "contracts");

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
