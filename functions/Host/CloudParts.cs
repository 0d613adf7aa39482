// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using Azure.Core;
using Azure.Messaging.ServiceBus;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Credentials;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Storage;

namespace FedCloud.Functions;

/// <summary>The ports in Azure, each under the identity whose it is (keys-and-identity, section 7).</summary>
/// <param name="settings">The settings.</param>
/// <param name="time">The clock.</param>
public sealed class CloudParts(CloudSettings settings, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, TokenCredential> _identities = new(StringComparer.Ordinal);

    /// <summary>The containers: the log's under the log signer, what silos upload under the aggregator, the others under the orchestrator.</summary>
    public IBlobStore OpenStore()
    {
        AzureBlobStore log = new(settings.AuditStorage, Identity(settings.LogSigner));
        AzureBlobStore uploads = new(settings.Storage, Identity(settings.Aggregator));
        AzureBlobStore others = new(settings.Storage, Identity(settings.Orchestrator));
        return new BlobStoreByContainer(container => container switch
        {
            _ when string.Equals(container, StorageNames.Log, StringComparison.Ordinal) || string.Equals(container, StorageNames.LogHead, StringComparison.Ordinal) => log,
            _ when container.StartsWith(StorageNames.UpPrefix, StringComparison.Ordinal) => uploads,
            _ => others,
        });
    }

    /// <summary>The queues: that of the log's writer is received by the log signer and sent to by the orchestrator, whose the others are.</summary>
    public IMailboxes OpenMailboxes()
    {
        ServiceBusOptions options = new() { Namespace = settings.ServiceBus };
        ServiceBusClient orchestrator = options.OpenClient(Identity(settings.Orchestrator));
        ServiceBusClient logSigner = options.OpenClient(Identity(settings.LogSigner));
        return new ServiceBusMailboxes(orchestrator, name => string.Equals(name, MailboxNames.Audit, StringComparison.Ordinal) ? logSigner : orchestrator, options, time);
    }

    /// <summary>The keys: CK under the orchestrator, KEK under the aggregator, LK under the log signer.</summary>
    public IKeyVault OpenVault() => new AzureKeyVault(settings.Vault, key => Identity(key switch
    {
        SiloPost.WrappingKey => settings.Aggregator,
        CoordinatorService.LogKey => settings.LogSigner,
        _ => settings.Orchestrator,
    }));

    private TokenCredential Identity(string client) => _identities.GetOrAdd(client, id => AzureCredentials.Make(new AzureIdentitySettings(IdentityKind.Managed, id)));
}
