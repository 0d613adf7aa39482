// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.RegularExpressions;
using FedCloud.Infra.Tests.Bicep;
using Xunit;

namespace FedCloud.Infra.Tests.Deployment;

/// <summary>What is deployed is what the coordinator's code and its specification speak of.</summary>
public sealed partial class DeploymentTests
{
    private static readonly BicepTree Infra = BicepTree.OfRepository();

    [GeneratedRegex("""const string (?<name>\w+) = "(?<value>[^"]+)";""", RegexOptions.ExplicitCapture)]
    private static partial Regex Constant { get; }

    [Fact]
    public void Vault_Keys_AreThoseThatTheCoordinatorUses()
    {
        Dictionary<string, BicepObject> keys = Resources("modules/key-vault.bicep", "Microsoft.KeyVault/vaults/keys")
            .ToDictionary(key => ((BicepText)key.Body["name"]!).Value, key => key.Body, StringComparer.Ordinal);
        Dictionary<string, string> post = Constants("functions/Coordinator/Messaging/SiloPost.cs");
        string messages = post["MessageKey"], wrapping = post["WrappingKey"], log = Constants("functions/Coordinator/CoordinatorService.cs")["LogKey"];

        Assert.Equal([log, messages, wrapping], keys.Keys.Order(StringComparer.Ordinal));
        foreach (BicepObject signing in new[] { keys[messages], keys[log] })
        {
            Assert.Equal("'P-256'", signing.At("properties.curveName")?.Source);
            Assert.Equal("['sign', 'verify']", signing.At("properties.keyOps")?.Source);
            Assert.DoesNotContain("'rotate'", signing.Source, StringComparison.Ordinal);
            Assert.Contains("timeBeforeExpiry: 'P30D'", signing.Source, StringComparison.Ordinal);
        }

        Assert.Equal("3072", keys[wrapping].At("properties.keySize")?.Source);
        Assert.Equal("['unwrapKey']", keys[wrapping].At("properties.keyOps")?.Source);
        Assert.Contains("{ trigger: { timeAfterCreate: 'P90D' }, action: { type: 'rotate' } }", keys[wrapping].Source, StringComparison.Ordinal);
    }

    [Fact]
    public void KeyRights_AreOnePurposeAnIdentity()
    {
        string[] rights = Rights("modules/coordinator-access.bicep", "keys", "keyName");

        Assert.Equal(
        [
            "audit-log logSigner keySigner",
            "audit-log orchestrator keyReader",
            "coordinator-messages orchestrator keySigner",
            "update-wrapping aggregator keyUnwrapper",
            "update-wrapping orchestrator keyReader",
        ], rights);
    }

    [Fact]
    public void ContainerRights_AreThoseOfTheSpecification()
    {
        Assert.Equal(
        [
            "models aggregator blobWriter",
            "models logSigner blobReader",
            "models orchestrator blobEditor",
            "rounds aggregator blobEditor",
            "rounds orchestrator blobEditor",
            "state orchestrator blobEditor",
        ], Rights("modules/coordinator-access.bicep", "models", "containerName"));
        Assert.Equal(
        [
            "log logSigner blobCreator",
            "log logSigner blobReader",
            "log orchestrator blobReader",
            "log-head logSigner blobEditor",
            "log-head orchestrator blobReader",
        ], Rights("modules/coordinator-access.bicep", "log", "containerName"));
    }

    [Fact]
    public void Silo_Rights_AreThoseOfTheSpecification()
    {
        Assert.Equal(
        [
            "down.name orchestrator blobWriter",
            "down.name silo blobReader",
            "models silo blobReader",
            "up.name aggregator blobCollector",
            "up.name silo blobCreator",
        ], Rights("modules/silo.bicep", "containerAccess", "containerName"));
        Assert.Equal(["log silo blobReader", "log-head silo blobReader"], Rights("modules/silo.bicep", "logAccess", "containerName"));
        Assert.Equal(
        [
            "coordinator silo azureServiceBusDataSender",
            "queue.outputs.name orchestrator azureServiceBusDataSender",
            "queue.outputs.name silo azureServiceBusDataReceiver",
        ], Rights("modules/silo.bicep", "queueAccess", "queueName"));
    }

    [Fact]
    public void QueueRights_AreThoseOfTheSpecification() => Assert.Equal(
    [
        "admin-events events sender",
        "admin-events orchestrator receiver",
        "audit-in logSigner receiver",
        "audit-in orchestrator sender",
        "coordinator orchestrator receiver",
        "vault-events events sender",
        "vault-events orchestrator receiver",
    ], Rights("modules/coordinator-access.bicep", "queues", "queueName"));

    [Fact]
    public void Queues_Settings_AreThoseOfThePortableMailbox()
    {
        BicepObject queue = Assert.Single(Resources("modules/queue.bicep", "Microsoft.ServiceBus/namespaces/queues"), resource => !resource.IsExisting).Body;

        Assert.Equal("{ requiresDuplicateDetection: true, duplicateDetectionHistoryTimeWindow: 'PT10M', lockDuration: 'PT1M', maxDeliveryCount: 100, deadLetteringOnMessageExpiration: true }", queue["properties"]?.Source);
        Assert.Equal("['coordinator', 'audit-in', 'vault-events', 'admin-events']", Module("main.bicep", "broker").Parameters["queues"]?.Source);
    }

    [Fact]
    public void Storage_Containers_AreThoseThatTheCoordinatorUses()
    {
        Dictionary<string, string> names = Constants("functions/Coordinator/Storage/StorageNames.cs");

        Assert.Equal($"['{names["Models"]}', '{names["Rounds"]}', '{names["State"]}']", Module("modules/storage.bicep", "modelsAccount").Parameters["containers"]?.Source);
        Assert.Equal("['log', 'log-head']", Module("modules/storage.bicep", "auditAccount").Parameters["containers"]?.Source);
        Assert.Equal(["'up-${silo.id}'", "'down-${silo.id}'"], Resources("modules/silo.bicep", "Microsoft.Storage/storageAccounts/blobServices/containers").Select(container => container.Body["name"]?.Source));
    }

    [Fact]
    public void AuditLog_Container_IsWrittenOnceUnlessItIsLockedAlready()
    {
        BicepModule retention = Module("modules/storage.bicep", "auditRetention");
        BicepObject policy = Assert.Single(Resources("modules/write-once.bicep", "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies")).Body;
        BicepModule account = Module("modules/storage.bicep", "auditAccount");

        Assert.Equal("! auditLogLocked", retention.Condition);
        Assert.Equal("'log'", retention.Parameters["containerName"]?.Source);
        Assert.Equal("false", policy.At("properties.allowProtectedAppendWrites")?.Source);
        Assert.Equal("true", account.Parameters["isVersioningEnabled"]?.Source);
        Assert.Equal("30", account.Parameters["deleteRetentionDays"]?.Source);
        Assert.Contains("param lockAuditLog bool = false", Infra.Main.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void ModelsAccount_DeletedBlobs_AreGone()
    {
        BicepObject parameters = Module("modules/storage.bicep", "modelsAccount").Parameters;

        Assert.Null(parameters["isVersioningEnabled"]);
        Assert.Null(parameters["deleteRetentionDays"]);
    }

    [Fact]
    public void App_Settings_AreThoseThatTheHostReads()
    {
        BicepObject settings = Assert.Single(Resources("modules/function-app.bicep", "Microsoft.Web/sites/config"), resource => resource.Body["name"]?.Source == "'appsettings'").Body;

        Assert.Equal(
        [
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "APPLICATIONINSIGHTS_CONNECTION_STRING", "AzureWebJobsStorage__accountName", "AzureWebJobsStorage__clientId", "AzureWebJobsStorage__credential",
            "DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "FEDCLOUD_AGGREGATOR_CLIENT_ID", "FEDCLOUD_AUDIT_STORAGE", "FEDCLOUD_AUDIT_WINDOW", "FEDCLOUD_AUTH_CLIENT_ID", "FEDCLOUD_FEDERATION", "FEDCLOUD_KEY_GRACE",
            "FEDCLOUD_LOG_SIGNER_CLIENT_ID", "FEDCLOUD_ORCHESTRATOR_CLIENT_ID", "FEDCLOUD_SERVICEBUS", "FEDCLOUD_STORAGE", "FEDCLOUD_VAULT", "ServiceBus__clientId", "ServiceBus__credential",
            "ServiceBus__fullyQualifiedNamespace", "TASKHUB_NAME",
        ], ((BicepObject)settings["properties"]!).Properties.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void App_Api_IsShutToStrangers()
    {
        BicepObject authentication = Assert.Single(Resources("modules/function-app.bicep", "Microsoft.Web/sites/config"), resource => resource.Body["name"]?.Source == "'authsettingsV2'").Body;
        BicepObject site = Assert.Single(Resources("modules/function-app.bicep", "Microsoft.Web/sites")).Body;

        Assert.Equal("true", authentication.At("properties.platform.enabled")?.Source);
        Assert.Equal("{ requireAuthentication: true, unauthenticatedClientAction: 'Return401', excludedPaths: ['/health', '/dashboard', '/dashboard/*'] }", authentication.At("properties.globalValidation")?.Source);
        Assert.Equal("empty ( authClientId ) || ! empty ( allowedIpRanges ) ? 'Deny' : 'Allow'", site.At("properties.siteConfig.ipSecurityRestrictionsDefaultAction")?.Source);
        Assert.StartsWith("empty ( authClientId ) ? [ ] :", site.At("properties.siteConfig.ipSecurityRestrictions")?.Source, StringComparison.Ordinal);
    }

    [Fact]
    public void Network_WithoutPremium_IsRefused() =>
        Assert.StartsWith("vnetEnabled && serviceBusSku != 'Premium' ? fail (", Infra.Main.Variables["brokerSku"].Source, StringComparison.Ordinal);

    [Fact]
    public void Administration_Events_CoverKeysRolesStorageAndCode()
    {
        string filter = Assert.Single(Resources("modules/events.bicep", "Microsoft.EventGrid/systemTopics/eventSubscriptions"), resource => resource.Symbol == "administrationEvents").Body.Source;

        Assert.All(
            ["Microsoft.KeyVault/", "Microsoft.Authorization/roleAssignments/", "Microsoft.Storage/storageAccounts/write", "Microsoft.Storage/storageAccounts/blobServices/", "Microsoft.Web/sites/"],
            begin => Assert.Contains($"'{begin}'", filter, StringComparison.Ordinal));
        Assert.All(Resources("modules/events.bicep", "Microsoft.EventGrid/systemTopics/eventSubscriptions"), subscription => Assert.NotNull(subscription.Body.At("properties.deliveryWithResourceIdentity")));
    }

    private static IEnumerable<BicepResource> Resources(string file, string type) =>
        Infra.Files.Single(candidate => candidate.Path == file).Resources.Where(resource => resource.Type == type && (!resource.IsExisting || type.EndsWith("queues", StringComparison.Ordinal)));

    private static BicepModule Module(string file, string symbol) =>
        Infra.Files.Single(candidate => candidate.Path == file).Modules.Single(module => module.Symbol == symbol);

    // "container identity role", sorted, without the words that only say what kind of value it is.
    private static string[] Rights(string file, string module, string entity) =>
    [
        .. ((BicepList)Module(file, module).Parameters["roleAssignments"]!).Items.Cast<BicepObject>()
            .Select(right => $"{Plain(right[entity]!)} {Plain(right["principalId"]!)} {Plain(right["roleDefinitionId"]!)}")
            .Order(StringComparer.Ordinal),
    ];

    private static string Plain(BicepValue value)
    {
        string text = value is BicepText { Value: var quoted } ? quoted : value.Source.Replace(" ", string.Empty, StringComparison.Ordinal);
        int role = text.IndexOf("roles.", StringComparison.Ordinal);
        return role >= 0
            ? text[(role + "roles.".Length)..].TrimEnd(')')
            : text == "principalId" ? "silo" : text.Replace("PrincipalId", string.Empty, StringComparison.Ordinal).Replace("RoleId", string.Empty, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Constants(string source) =>
        Constant.Matches(Repository.Read(source)).ToDictionary(match => match.Groups["name"].Value, match => match.Groups["value"].Value, StringComparer.Ordinal);
}
