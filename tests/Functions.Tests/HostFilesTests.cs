// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Reflection;
using System.Text.Json;
using FedCloud.Functions.Messages;
using FedCloud.Functions.Orchestrations;
using Microsoft.Azure.Functions.Worker;
using Xunit;

namespace FedCloud.Functions.Tests;

/// <summary>What the Functions host reads before any of our code runs, beside the code that it is for.</summary>
public sealed class HostFilesTests
{
    private static readonly string Folder = Path.Combine(RepositoryFiles.Root, "functions", "Host");

    [Fact]
    public void HostJson_IsStrictJsonWithoutDuplicates()
    {
        JsonDocumentOptions strict = new() { AllowTrailingCommas = false, CommentHandling = JsonCommentHandling.Disallow, AllowDuplicateProperties = false };

        using JsonDocument host = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "host.json")), strict);

        Assert.Equal("2.0", host.RootElement.GetProperty("version").GetString());
        Assert.DoesNotContain(host.RootElement.EnumerateObject(), member => member.Name is not ("version" or "logging" or "extensions" or "telemetryMode" or "functionTimeout" or "healthMonitor"));
    }

    [Fact]
    public void HostJson_Extensions_AreThoseOfTheCode()
    {
        using JsonDocument host = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "host.json")));
        JsonElement extensions = host.RootElement.GetProperty("extensions");

        // The routes of the code begin with api themselves.
        Assert.Equal(string.Empty, extensions.GetProperty("http").GetProperty("routePrefix").GetString());

        // A message is settled by the function, with its reason; the platform's own way would lose the reason.
        JsonElement serviceBus = extensions.GetProperty("serviceBus");
        Assert.False(serviceBus.GetProperty("autoCompleteMessages").GetBoolean());
        Assert.Equal(0, serviceBus.GetProperty("prefetchCount").GetInt32());
        Assert.All(Triggers<ServiceBusTriggerAttribute>(), trigger => Assert.False(trigger.AutoCompleteMessages));
        Assert.True(TimeSpan.Parse(serviceBus.GetProperty("maxAutoLockRenewalDuration").GetString()!) >= TimeSpan.FromMinutes(2), "a request may wait for its turn as long as the lock is kept");

        JsonElement durable = extensions.GetProperty("durableTask");
        Assert.Equal("%TASKHUB_NAME%", durable.GetProperty("hubName").GetString());
        Assert.Equal("azureManaged", durable.GetProperty("storageProvider").GetProperty("type").GetString());
    }

    [Fact]
    public void FuncIgnore_LeavesOutWhatIsNoPartOfTheHost()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Folder, ".funcignore"));

        Assert.Contains("local.settings.json", lines);
        Assert.Contains(".git*", lines);
        Assert.DoesNotContain(lines, line => line.Contains("host.json", StringComparison.Ordinal) || line.StartsWith('*') && line is not "*.md");
    }

    // Names are what the platform knows a function by: monitoring, scaling and stored orchestrations go by them.
    [Fact]
    public void Functions_HaveTheirNames() =>
        Assert.Equal(
            ["Advance", "Api", "CarryOut", "Dashboard", "FollowActor", "Health", "RecordAdministration", "RecordDeadLetters", "Sweep", "TakeMessage", "TakeVaultEvent", "Watch"],
            Functions().Select(method => method.GetCustomAttribute<FunctionAttribute>()!.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void Functions_OfMessages_TakeOneQueueAndItsDeadLetters() =>
        Assert.Equal(["admin-events", "coordinator", "coordinator/$deadletterqueue", "vault-events"], Triggers<ServiceBusTriggerAttribute>().Select(trigger => trigger.QueueName).Order(StringComparer.Ordinal));

    // Anonymous means that the platform's key is not asked for: who calls is Entra's to say, and the API refuses whoever it does not know.
    [Fact]
    public void Functions_OfHttp_AskForNoKey()
    {
        Assert.All(Triggers<HttpTriggerAttribute>(), trigger => Assert.Equal(AuthorizationLevel.Anonymous, trigger.AuthLevel));
        Assert.Equal(["api/{*path}", "dashboard/{*file}", "health"], Triggers<HttpTriggerAttribute>().Select(trigger => trigger.Route).Order(StringComparer.Ordinal));
    }

    private static IEnumerable<MethodInfo> Functions() =>
        typeof(MailFunctions).Assembly.GetTypes().SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)).Where(method => method.IsDefined(typeof(FunctionAttribute)));

    private static IEnumerable<T> Triggers<T>()
        where T : Attribute => Functions().SelectMany(method => method.GetParameters()).Select(parameter => parameter.GetCustomAttribute<T>()).OfType<T>();
}
