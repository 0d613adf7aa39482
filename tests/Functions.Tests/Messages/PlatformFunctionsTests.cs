// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Tests;
using FedCloud.Functions.Messages;
using FedCloud.Functions.Orchestrations;
using FedCloud.Functions.Tests.Durable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Functions.Tests.Messages;

/// <summary>Events of the platform from their queues: recorded, put aside, or delivered again.</summary>
public sealed class PlatformFunctionsTests : IDisposable
{
    private const string Action = """
        {"type":"Microsoft.Resources.ResourceWriteSuccess","data":{"resourceUri":"/subscriptions/1/vaults/v","operationName":"Microsoft.KeyVault/vaults/write"}}
        """;

    private readonly SharedFederation _federation = new();
    private readonly DurableTestHost _backend = new();
    private readonly DurableOrchestrations _orchestrations = new();
    private readonly Broker _broker = new();
    private readonly SharedCoordinator _process;
    private readonly PlatformFunctions _functions;
    private RequestFault _fault;

    public PlatformFunctionsTests()
    {
        _orchestrations.Use(_backend.Client);
        _process = _federation.Process(() => _fault, orchestrations: _orchestrations);
        _functions = new PlatformFunctions(_process, _orchestrations);
    }

    public void Dispose()
    {
        _federation.Dispose();
        _backend.Dispose();
    }

    [Fact]
    public async Task Administration_IsRecordedOnceItIsSafe()
    {
        _broker.Send("one", Encoding.UTF8.GetBytes(Action));
        _fault = RequestFault.Lost;
        Assert.IsType<FedCloudException>(await AdministrationAsync());
        Assert.Equal(1, _broker.Waiting);

        _fault = RequestFault.None;
        Assert.Null(await AdministrationAsync());

        Assert.Equal(0, _broker.Waiting);
        EntryDraft entry = Assert.Single(await EntriesAsync());
        Assert.Equal(("keyvault.vaults.write", "success"), (entry.Fields["operation"].Text, entry.Fields["result"].Text));
    }

    [Fact]
    public async Task Administration_OfOneResource_HasOneCommitment()
    {
        foreach (string id in new[] { "one", "two" })
        {
            _broker.Send(id, Encoding.UTF8.GetBytes(Action));
            Assert.Null(await AdministrationAsync());
        }

        Assert.Single((await EntriesAsync()).Select(entry => entry.Subjects["resource"]).Distinct());
    }

    [Fact]
    public async Task Administration_Malformed_IsPutAside()
    {
        _broker.Send("one", "junk"u8.ToArray());

        Assert.Null(await AdministrationAsync());

        Assert.Equal([ErrorCodes.MessageMalformed.Name], _broker.Reasons);
        Assert.Empty(await EntriesAsync());
    }

    [Fact]
    public async Task Administration_OfSomethingElse_IsDoneWith()
    {
        _broker.Send("one", """{"type":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{}}"""u8.ToArray());

        Assert.Null(await AdministrationAsync());

        Assert.Equal(0, _broker.Waiting);
        Assert.Empty(_broker.Reasons);
        Assert.Empty(await EntriesAsync());
    }

    [Fact]
    public async Task VaultEvent_WhateverItSays_IsOnlyAReasonToLook()
    {
        _broker.Send("one", "junk"u8.ToArray());
        _fault = RequestFault.Lost;
        Assert.IsType<FedCloudException>(await VaultEventAsync());
        Assert.Equal(1, _broker.Waiting);

        _fault = RequestFault.None;
        Assert.Null(await VaultEventAsync());

        Assert.Equal(0, _broker.Waiting);
        Assert.Single((await _federation.StoredAsync()).WrappingKeys);
    }

    private Task<Exception?> AdministrationAsync() => _broker.DeliverAsync(message => _functions.RecordAdministrationAsync(message, _broker, _backend.Client, default));

    private Task<Exception?> VaultEventAsync() => _broker.DeliverAsync(message => _functions.TakeVaultEventAsync(message, _broker, _backend.Client, default));

    private async Task<IReadOnlyList<EntryDraft>> EntriesAsync()
    {
        await _process.StartAsync(default);
        return [.. (await _federation.OutgoingAsync()).Deferred.Where(draft => string.Equals(draft.Type, EntryTypes.Access, StringComparison.Ordinal))];
    }
}
