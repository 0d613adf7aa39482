// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using Xunit;

namespace FedCloud.Infra.Tests.Pipelines;

/// <summary>The workflows are well-formed, and hold no secret.</summary>
public sealed class WorkflowTests
{
    public static TheoryData<string> Workflows { get; } = [.. Directory.EnumerateFiles(Repository.Path(".github/workflows"), "*.yml").Select(path => ".github/workflows/" + Path.GetFileName(path))];

    [Theory]
    [MemberData(nameof(Workflows))]
    public void Workflow_Jobs_AreWellFormed(string path)
    {
        JsonObject workflow = (JsonObject)YamlJson.Read(Repository.Read(path))!;

        Assert.NotNull(workflow["on"]);
        Assert.Equal("read", workflow["permissions"]!["contents"]!.GetValue<string>());
        foreach (JsonNode job in ((JsonObject)workflow["jobs"]!).Select(job => job.Value!))
        {
            Assert.Equal("ubuntu-latest", job["runs-on"]!.GetValue<string>());
            Assert.All((JsonArray)job["steps"]!, step => Assert.True(step!["uses"] is not null ^ step["run"] is not null, $"{step} does one thing"));
            Assert.All(((JsonArray)job["steps"]!).Select(step => step!["uses"]?.GetValue<string>()).OfType<string>(), uses => Assert.Matches("^[A-Za-z-]+/[a-z-]+@v[0-9]+$", uses));
        }
    }

    [Fact]
    public void AzureDev_Credentials_AreFederatedAndApproved()
    {
        string text = Repository.Read(".github/workflows/azure-dev.yml");
        JsonNode deploy = YamlJson.Read(text)!["jobs"]!["deploy"]!;

        Assert.DoesNotContain("secrets.", text, StringComparison.Ordinal);
        Assert.Equal("production", deploy["environment"]!.GetValue<string>());
        Assert.Equal("check", deploy["needs"]!.GetValue<string>());
        Assert.Equal("write", deploy["permissions"]!["id-token"]!.GetValue<string>());
        Assert.All(
            ((JsonArray)YamlJson.Read(Repository.Read("azure.yaml"))!["pipeline"]!["variables"]!).Select(name => name!.GetValue<string>()),
            name => Assert.Contains($"vars.{name} ", deploy["env"]![name]!.GetValue<string>(), StringComparison.Ordinal));
    }

    [Fact]
    public void RealPackages_Emulators_AreTheOfficialOnesOnLoopback()
    {
        JsonObject services = (JsonObject)YamlJson.Read(Repository.Read(".github/emulators/compose.yaml"))!["services"]!;

        Assert.Equal("nuget", YamlJson.Read(Repository.Read(".github/workflows/real-packages.yml"))!["jobs"]!["test"]!["env"]!["AzurePackages"]!.GetValue<string>());
        Assert.All(services, service => Assert.StartsWith("mcr.microsoft.com/", service.Value!["image"]!.GetValue<string>(), StringComparison.Ordinal));
        Assert.All(services.SelectMany(service => service.Value!["ports"] as JsonArray ?? []), port => Assert.StartsWith("127.0.0.1:", port!.GetValue<string>(), StringComparison.Ordinal));
        Assert.NotNull(JsonNode.Parse(Repository.Read(".github/emulators/servicebus.json")));
    }

    [Fact]
    public void DevContainer_Packages_AreTheRealOnes() =>
        Assert.Equal("nuget", JsonNode.Parse(Repository.Read(".devcontainer/devcontainer.json"))!["containerEnv"]!["AzurePackages"]!.GetValue<string>());
}
