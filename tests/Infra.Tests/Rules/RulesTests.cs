// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Infra.Tests.Bicep;
using Xunit;

namespace FedCloud.Infra.Tests.Rules;

/// <summary>The repository's templates keep the rules, and each rule catches a template that breaks it.</summary>
public sealed class RulesTests
{
    private static readonly BicepTree Infra = BicepTree.OfRepository();

    [Fact]
    public void Infra_Secrets_AreNowhere() => Assert.Empty(SecretRules.Check(Infra));

    [Fact]
    public void Infra_Roles_AreExactAndOnOneEntity() => Assert.Empty(RoleRules.Check(Infra));

    [Fact]
    public void Infra_RoleIds_AreThoseThatMicrosoftLists() => Assert.Empty(RoleRules.CheckIds(Infra.Text("built-in-roles.json")));

    [Fact]
    public void Infra_Resources_HaveTags() => Assert.Empty(TagRules.Check(Infra));

    [Fact]
    public void Infra_Modules_FitTogether() => Assert.Empty(ModuleRules.Check(Infra));

    [Fact]
    public void Infra_Parameters_FitTheFile() => Assert.Empty(ParameterRules.Check(Infra));

    [Fact]
    public void Infra_Versions_AreOneATypeAndDates() => Assert.Empty(VersionRules.Check(Infra));

    [Fact]
    public void Infra_Names_BeginWithAbbreviations() => Assert.Empty(NameRules.Check(Infra));

    [Theory]
    [InlineData("output key string = account.listKeys().keys[0].value", "listKeys")]
    [InlineData("var connection = 'DefaultEndpointsProtocol=https;AccountKey=${key}'", "AccountKey=")]
    [InlineData("var connection = 'Endpoint=sb://x;SharedAccessKeyName=y'", "SharedAccessKey")]
    [InlineData("@secure()\nparam password string", "takes a secret: password")]
    [InlineData("resource a 'Microsoft.Storage/storageAccounts@2025-01-01' = {\n  properties: {\n    allowSharedKeyAccess: true\n  }\n}", "allowSharedKeyAccess is not false")]
    [InlineData("resource b 'Microsoft.ServiceBus/namespaces@2024-01-01' = {\n  properties: {\n  }\n}", "disableLocalAuth is not true")]
    [InlineData("resource c 'Microsoft.Insights/components@2020-02-02' = {\n  properties: {\n    DisableLocalAuth: false\n  }\n}", "DisableLocalAuth is not true")]
    public void Secrets_Broken_AreCaught(string main, string expected) => Contains(expected, SecretRules.Check(Tree(main)));

    [Theory]
    [InlineData("dataActions: ['Microsoft.KeyVault/vaults/keys/*']", "not one exact action")]
    [InlineData("dataActions: ['*']", "not one exact action")]
    [InlineData("dataActions: [rights]", "not one exact action")]
    [InlineData("actions: ['Microsoft.KeyVault/vaults/write']", "data actions only")]
    [InlineData("notDataActions: ['Microsoft.KeyVault/vaults/keys/read']", "data actions only")]
    public void RoleDefinitions_Broken_AreCaught(string permission, string expected) => Contains(
        expected,
        RoleRules.Check(Tree($"resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {{\n  properties: {{\n    permissions: [\n      {{\n        {permission}\n      }}\n    ]\n  }}\n}}")));

    [Theory]
    [InlineData("scope: account", "no single entity")]
    [InlineData("scope: resourceGroup()", "no single entity")]
    [InlineData("", "the whole resource group")]
    [InlineData("scope: container", "does not say what the principal is")]
    [InlineData("scope: container", "has no name that follows")]
    public void RoleAssignments_Broken_AreCaught(string scope, string expected) => Contains(
        expected,
        RoleRules.Check(Tree($$"""
            resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
              name: 'a'
            }
            resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = {
              name: 'c'
            }
            resource right 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
              {{scope}}
              name: 'r'
              properties: {
                principalId: 'p'
              }
            }
            """)));

    [Fact]
    public void RoleIds_WrittenOutOrWrong_AreCaught()
    {
        Contains("itself", RoleRules.Check(Tree("var reader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'")));
        Contains("storageBlobDataReader is 2a2b9908", RoleRules.CheckIds("""{ "storageBlobDataReader": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b" }"""));
        Contains("no role in the table", RoleRules.CheckIds("""{ "owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635" }"""));
    }

    [Theory]
    [InlineData("Microsoft.KeyVault/vaults", "has no tags")]
    [InlineData("Microsoft.Cache/redis", "does not know")]
    public void Tags_Missing_AreCaught(string type, string expected) =>
        Contains(expected, TagRules.Check(Tree($"resource x '{type}@2024-11-01' = {{\n  name: 'x'\n}}")));

    [Theory]
    [InlineData("module q 'modules/q.bicep' = {\n  params: {\n    name: 'a'\n    color: 'b'\n  }\n}", "no parameter color")]
    [InlineData("module q 'modules/q.bicep' = {\n}", "needs name")]
    [InlineData("module q 'modules/other.bicep' = {\n}", "there is no modules/other.bicep")]
    [InlineData("var a = 'nothing'", "modules/q.bicep is not reached")]
    [InlineData("module q 'modules/q.bicep' = {\n  params: {\n    name: 'a'\n  }\n}\noutput x string = q.outputs.size", "no output size")]
    [InlineData("output x string = z.outputs.id", "z is no module")]
    public void Modules_Broken_AreCaught(string main, string expected) => Contains(
        expected,
        ModuleRules.Check(BicepTree.Of(("main.bicep", main), ("modules/q.bicep", "param name string\nparam kind string = 'x'\nparam note string?\noutput id string = name"))));

    [Theory]
    [InlineData("param a string\nvar b = a", "{}", "lacks a")]
    [InlineData("param a string = 'x'\nvar b = a", """{ "b": { "value": "${B}" } }""", "no parameter b")]
    [InlineData("param a string\nvar b = a", """{ "a": { "value": "x" } }""", "azd does not fill in")]
    [InlineData("param a string\nvar b = a", """{ "a": { "value": "${A}" } }""", "does not use b")]
    public void Parameters_Broken_AreCaught(string main, string given, string expected) => Contains(
        expected,
        ParameterRules.Check(BicepTree.Of(("main.bicep", main), ("main.parameters.json", $$"""{ "parameters": {{given}} }"""))));

    [Theory]
    [InlineData("resource a 'X/y@latest' = {\n}", "API version 'latest'")]
    [InlineData("resource a 'X/y@2024-13-01' = {\n}", "API version '2024-13-01'")]
    [InlineData("resource a 'X/y' = {\n}", "API version ''")]
    [InlineData("resource a 'X/y@2024-01-01' = {\n}\nresource b 'X/y@2025-01-01' existing = {\n}", "several spellings or versions")]
    [InlineData("resource a 'X/y@2024-01-01' = {\n}\nresource b 'X/Y@2024-01-01' existing = {\n}", "several spellings or versions")]
    public void Versions_Broken_AreCaught(string main, string expected) => Contains(expected, VersionRules.Check(Tree(main)));

    [Theory]
    [InlineData("'vault1'", "without an abbreviation")]
    [InlineData("'${abbreviations.keyVaultVault}1'", "has no keyVaultVault")]
    [InlineData("'vault1'", "nothing is called so")]
    public void Names_Broken_AreCaught(string name, string expected) => Contains(
        expected,
        NameRules.Check(BicepTree.Of(
            ("main.bicep", $"module v 'v.bicep' = {{\n  params: {{\n    prefix: {name}\n  }}\n}}"),
            ("v.bicep", "param prefix string\nmodule w 'w.bicep' = {\n  params: {\n    name: '${prefix}w'\n  }\n}"),
            ("w.bicep", "param name string\nresource a 'X/y@2024-01-01' = {\n  name: name\n}"),
            ("abbreviations.json", """{ "keyVaultVaults": "kv-" }"""))));

    private static BicepTree Tree(string main) => BicepTree.Of(("main.bicep", main));

    private static void Contains(string expected, IEnumerable<string> violations) =>
        Assert.Contains(violations, violation => violation.Contains(expected, StringComparison.Ordinal));
}
