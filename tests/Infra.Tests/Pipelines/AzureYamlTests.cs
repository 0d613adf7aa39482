// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using Xunit;

namespace FedCloud.Infra.Tests.Pipelines;

/// <summary>azure.yaml is what azd reads.</summary>
public sealed class AzureYamlTests
{
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private static readonly JsonSchema Schema = JsonSchema.Parse(Repository.Read("tests/Infra.Tests/schemas/azure.yaml.v1.0.schema.json"));

    private static JsonNode Yaml => YamlJson.Read(Repository.Read("azure.yaml")) ?? throw new InvalidOperationException("azure.yaml is empty");

    [Fact]
    public void AzureYaml_Schema_IsKept() => Assert.Empty(Schema.Check(Yaml));

    [Theory]
    [InlineData("services: {}", "lacks name")]
    [InlineData("name: xy\nhooks:\n  preprovison:\n    run: a.sh", "preprovison: is not allowed")]
    [InlineData("name: xy\nhooks:\n  predown:\n    shell: bash\n    run: a.sh", "predown")]
    [InlineData("name: xy\nhooks:\n  predown:\n    interactive: true", "predown")]
    [InlineData("name: xy\nservices:\n  coordinator:\n    project: a", "lacks host")]
    [InlineData("name: xy\ninfra:\n  path: 7", "$.infra.path: is no")]
    [InlineData("name: 7", "is no \"string\"")]
    public void AzureYaml_Broken_IsCaught(string yaml, string expected) =>
        Assert.Contains(Schema.Check(YamlJson.Read(yaml)), violation => violation.Contains(expected, StringComparison.Ordinal));

    [Fact]
    public void Service_Coordinator_IsTheFunctionHost()
    {
        JsonNode service = Yaml["services"]!["coordinator"]!;

        Assert.Equal(("functions/Host", "dotnet", "function"), (service["project"]!.GetValue<string>(), service["language"]!.GetValue<string>(), service["host"]!.GetValue<string>()));
        Assert.Contains("'azd-service-name': 'coordinator'", Repository.Read("infra/modules/function-app.bicep"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("preprovision")]
    [InlineData("postprovision")]
    [InlineData("postdeploy")]
    [InlineData("predown")]
    public void Hooks_BothShells_AreThereAndExecutable(string hook)
    {
        JsonNode hooks = Yaml["hooks"]![hook]!;
        Assert.Equal(($"infra/hooks/{hook}.sh", $"infra/hooks/{hook}.ps1"), (hooks["posix"]!["run"]!.GetValue<string>(), hooks["windows"]!["run"]!.GetValue<string>()));

        foreach (string script in new[] { $"infra/hooks/{hook}.sh", $"infra/hooks/{hook}.ps1" })
        {
            Assert.StartsWith("#!/", Repository.Read(script), StringComparison.Ordinal);
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(Executable, File.GetUnixFileMode(Repository.Path(script)) & Executable);
            }
        }
    }

    // A file of azd's environment, and only that, fills the parameters in; a variable that nothing sets would be asked for.
    [Fact]
    public void Pipeline_Variables_AreParametersOfTheTemplate()
    {
        string parameters = Repository.Read("infra/main.parameters.json");

        Assert.All(((JsonArray)Yaml["pipeline"]!["variables"]!).Select(name => name!.GetValue<string>()), name => Assert.Matches(@$"\$\{{{name}[=}}]", parameters));
    }
}
