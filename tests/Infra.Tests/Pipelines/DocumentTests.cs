// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.RegularExpressions;
using Xunit;

namespace FedCloud.Infra.Tests.Pipelines;

/// <summary>The pages about the Azure edition name files that are there, and settings that exist.</summary>
public sealed partial class DocumentTests
{
    [GeneratedRegex(@"\]\((?<target>[^)#:]+)(#[^)]*)?\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link { get; }

    [GeneratedRegex("azd env set (?<name>[A-Z_]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Setting { get; }

    [Theory]
    [InlineData("infra/README.md")]
    [InlineData("README.md")]
    [InlineData("docs/azure.md")]
    [InlineData("docs/keys.md")]
    [InlineData("SECURITY.md")]
    [InlineData("CONTRIBUTING.md")]
    public void Pages_Links_LeadSomewhere(string page)
    {
        string folder = Path.GetDirectoryName(Repository.Path(page)) ?? string.Empty;

        Assert.All(Link.Matches(Repository.Read(page)).Select(match => match.Groups["target"].Value), target => Assert.True(Path.Exists(Path.Combine(folder, target)), $"{page} links to {target}"));
    }

    // What the galleries of azd templates look for (Azure-Samples/azd-template-artifacts, README.md).
    [Theory]
    [InlineData("## Features")]
    [InlineData("### Architecture Diagram")]
    [InlineData("## Getting Started")]
    [InlineData("### Prerequisites")]
    [InlineData("### Installation")]
    [InlineData("## Guidance")]
    [InlineData("### Region Availability")]
    [InlineData("### Costs")]
    [InlineData("### Security")]
    [InlineData("## Resources")]
    public void Readme_HasTheHeadingsOfGalleries(string heading) => Assert.Contains(heading, Repository.Read("README.md").Split('\n'));

    [Theory]
    [InlineData("infra/README.md")]
    [InlineData("docs/azure.md")]
    public void Pages_Settings_AreReadBySomething(string page)
    {
        string readers = Repository.Read("infra/main.parameters.json") + Repository.Read("infra/hooks/preprovision.sh");

        Assert.All(Setting.Matches(Repository.Read(page)).Select(match => match.Groups["name"].Value), name => Assert.Contains($"{{{name}", readers, StringComparison.Ordinal));
    }
}
