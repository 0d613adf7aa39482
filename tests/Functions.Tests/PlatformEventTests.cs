// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Coordinator.Audit;
using FedCloud.Functions.Messages;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Functions.Tests;

/// <summary>What the platform reports, and what the log says of it.</summary>
public sealed class PlatformEventTests
{
    // As Event Grid delivers it, members that do not matter left out (learn.microsoft.com, "Azure resource group as an Event Grid source").
    private const string RoleGiven = """
        {
          "id": "4db48cba-50a2-455a-93b4-de41a3b5b7f6", "source": "/subscriptions/1/resourceGroups/rg", "specversion": "1.0",
          "type": "Microsoft.Resources.ResourceWriteSuccess", "subject": "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/2",
          "time": "2026-11-22T08:00:00Z",
          "data": {
            "authorization": "{}", "claims": "{\"name\":\"Jane Doe\"}", "correlationId": "3", "httpRequest": "", "resourceProvider": "Microsoft.Authorization",
            "resourceUri": "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/2",
            "operationName": "Microsoft.Authorization/roleAssignments/write", "status": "Succeeded", "subscriptionId": "1", "tenantId": "4"
          }
        }
        """;

    [Fact]
    public void Action_OfAnAdministrator_IsAnEntryThatNamesNobody()
    {
        AdministrativeAction action = CloudEvent.Parse(Encoding.UTF8.GetBytes(RoleGiven)).Action()!;
        byte[] salt = RandomNumberGenerator.GetBytes(32);

        EntryDraft entry = FederationEntries.Accessed(action.Resource, salt, action.OperationWord(), action.Result);

        Assert.Equal("authorization.roleassignments.write", entry.Fields["operation"].Text);
        Assert.Equal("success", entry.Fields["result"].Text);
        Assert.Equal(Sha256Digest.Of([.. salt, .. Encoding.UTF8.GetBytes(action.Resource)]), entry.Subjects["resource"]);
        string json = Encoding.UTF8.GetString(entry.ToEntry(new FederationId("test-federation"), new EntryActor { Kind = "coordinator", Id = "coordinator", KeyId = Sha256Digest.Zero }, 1, DateTimeOffset.UnixEpoch).SigningDigest());
        Assert.DoesNotContain("Jane", json, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Microsoft.Resources.ResourceDeleteFailure", "failure")]
    [InlineData("Microsoft.Resources.ResourceActionCancel", "cancelled")]
    [InlineData("Microsoft.Resources.ResourceSomethingNew", "unknown")]
    public void Action_Results_AreWords(string type, string result) =>
        Assert.Equal(result, CloudEvent.Parse(Encoding.UTF8.GetBytes(RoleGiven.Replace("Microsoft.Resources.ResourceWriteSuccess", type, StringComparison.Ordinal))).Action()?.Result);

    [Fact]
    public void Event_OfAKey_IsNoAction() => Assert.Null(CloudEvent.Parse(
        """{"type":"Microsoft.KeyVault.KeyNewVersionCreated","data":{"Id":"https://fed.vault.azure.net/keys/update-wrapping/1","ObjectType":"Key"}}"""u8.ToArray()).Action());

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"type":1}""")]
    [InlineData("not json")]
    public void Event_Malformed_IsRefused(string json) =>
        Assert.Equal(ErrorCodes.MessageMalformed, Assert.Throws<FedCloudException>(() => CloudEvent.Parse(Encoding.UTF8.GetBytes(json))).Code);

    [Fact]
    public void Event_WithDataOfAnotherForm_IsNoAction() => Assert.Null(CloudEvent.Parse("""{"type":"Microsoft.Resources.ResourceWriteSuccess","data":"text"}"""u8.ToArray()).Action());

    [Theory]
    [InlineData("Microsoft.KeyVault/vaults/write", "keyvault.vaults.write")]
    [InlineData("Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies/lock/action", "storage.immutabilitypolicies.lock.action")]
    [InlineData("Microsoft.Web/sites/config/write", "web.sites.config.write")]
    [InlineData("Other/Thing (new)/write", "other.thing--new-.write")]
    [InlineData("/", "unknown")]
    public void Operation_IsAWordOfTheLog(string operation, string word) => Assert.Equal(word, new AdministrativeAction("r", operation, "success").OperationWord());

    [Fact]
    public void Operation_Any_IsAWordThatTheLogTakes() => Prop.ForAll(
        ArbMap.Default.ArbFor<NonNull<string>>(),
        operation =>
        {
            string word = new AdministrativeAction("r", operation.Get, "success").OperationWord();
            Assert.Matches("^[a-z0-9._-]{1,40}$", word);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Deployment_IsWhatSha256sumPrints()
    {
        string folder = Directory.CreateTempSubdirectory("deployment").FullName;
        Directory.CreateDirectory(Path.Combine(folder, "bin"));
        File.WriteAllText(Path.Combine(folder, "host.json"), "{}");
        File.WriteAllText(Path.Combine(folder, "bin", "FedCloud.Functions.dll"), "code");
        File.WriteAllText(Path.Combine(folder, "bin", "FedCloud.Functions.deps.json"), "list");

        Deployment first = Deployment.Of(folder);

        string Line(string path) => $"{Sha256Digest.Of(File.ReadAllBytes(Path.Combine(folder, path))).Hex}  {path}\n";
        Assert.Equal(Sha256Digest.Of(Encoding.UTF8.GetBytes(Line("bin/FedCloud.Functions.deps.json") + Line("bin/FedCloud.Functions.dll") + Line("host.json"))), first.Image);
        Assert.Equal(Sha256Digest.Of(Encoding.UTF8.GetBytes(Line("bin/FedCloud.Functions.dll"))), first.Code);
        Assert.Equal(Sha256Digest.Of(Encoding.UTF8.GetBytes(Line("bin/FedCloud.Functions.deps.json"))), first.Materials);

        File.WriteAllText(Path.Combine(folder, "host.json"), "{ }");
        Deployment second = Deployment.Of(folder);
        Assert.NotEqual(first.Image, second.Image);
        Assert.Equal((first.Code, first.Materials), (second.Code, second.Materials));
        Directory.Delete(folder, recursive: true);
    }
}
