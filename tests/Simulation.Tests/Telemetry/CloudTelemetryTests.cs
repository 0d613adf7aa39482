// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.Cloud.Telemetry;
using FedCloud.Functions;
using FedCloud.Protocol.Errors;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Xunit;

namespace FedCloud.Simulation.Tests.Telemetry;

/// <summary>What the host in Azure listens to, without the exporter and the platform's own part.</summary>
[Collection(Alone.Name)]
public sealed class CloudTelemetryTests
{
    [Theory]
    [InlineData("ClientId=6f9619ff-8b86-d011-b42d-00c04fc964ff;Authorization=AAD", "6f9619ff-8b86-d011-b42d-00c04fc964ff")]
    [InlineData("Authorization=AAD;clientid=6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff")]
    [InlineData("Authorization=AAD", null)]
    [InlineData("ClientId=me;Authorization=AAD", null)]
    [InlineData(null, null)]
    public void ClientOf_Setting_IsAManagedIdentity(string? setting, string? client)
    {
        if (client is null)
        {
            Assert.Equal(ErrorCodes.SettingMissing, Assert.Throws<FedCloudException>(() => CloudTelemetry.ClientOf(setting)).Code);
        }
        else
        {
            Assert.Equal(client, CloudTelemetry.ClientOf(setting));
        }
    }

    [Fact]
    public void Add_NoComponent_AddsNothing()
    {
        ServiceCollection services = [];

        CloudTelemetry.Add(services, _ => null);

        Assert.Empty(services);
    }

    [Fact]
    public void Listen_Services_HearTheCoordinatorAndCutItsLines()
    {
        Builder builder = new(new ServiceCollection());
        CloudTelemetry.Listen(builder).WithLogging(logs => logs.AddProcessor(new Kept(builder)));
        using ServiceProvider provider = builder.Services.BuildServiceProvider();
        provider.GetRequiredService<TracerProvider>();
        provider.GetRequiredService<MeterProvider>();
        using ActivitySource source = new(TelemetryNames.Coordinator);
        using ActivitySource other = new("System.Net.Http");

        Assert.True(source.HasListeners());
        Assert.False(other.HasListeners());
        Lines.Refused(provider.GetRequiredService<ILoggerFactory>().CreateLogger("FedCloud"), "run-1", "storage_failed: /secret/path", "/secret/path", new IOException("/secret/path"));

        (string Key, object? Value)[] fields = Assert.Single(builder.Records);
        Assert.Equal([("Job", "run-1"), ("{OriginalFormat}", "{Job} {Reason} {Path}"), ("Reason", "storage_failed")], fields);
    }

    private sealed class Builder(IServiceCollection services) : IOpenTelemetryBuilder
    {
        public IServiceCollection Services { get; } = services;

        public List<(string Key, object? Value)[]> Records { get; } = [];
    }

    // What an exporter that is added later sees.
    private sealed class Kept(Builder builder) : BaseProcessor<LogRecord>
    {
        public override void OnEnd(LogRecord data)
        {
            Assert.Null(data.FormattedMessage);
            Assert.Null(data.Exception);
            builder.Records.Add([.. (data.Attributes ?? []).Select(field => (field.Key, field.Value))]);
        }
    }
}

/// <summary>A line that says too much.</summary>
internal static partial class Lines
{
    [LoggerMessage(1, LogLevel.Warning, "{Job} {Reason} {Path}")]
    public static partial void Refused(ILogger logger, string job, string reason, string path, Exception error);
}
