// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Core;
using Azure.Messaging.ServiceBus;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Credentials;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Rounds;

namespace FedCloud.SiloAgent.Connections;

/// <summary>How an agent reaches its federation: storage and mailboxes, as its invitation says. All connections go out, to port 443.</summary>
/// <remarks>
/// Where mailboxes are containers the invitation has a signature for each container that is the silo's. Where they are queues of a
/// broker the silo has an identity in Entra, which this machine's settings name; the invitation then holds no credential but its code.
/// </remarks>
public sealed class SiloConnections : IDisposable
{
    private readonly RestBlobStore[] _stores;

    private SiloConnections(IBlobStore store, IMailboxes mailboxes, params RestBlobStore[] stores)
    {
        Store = store;
        Mailboxes = mailboxes;
        _stores = stores;
    }

    /// <summary>The storage.</summary>
    public IBlobStore Store { get; }

    /// <summary>The mailboxes.</summary>
    public IMailboxes Mailboxes { get; }

    /// <summary>Opens them; nothing is asked of the network yet.</summary>
    /// <param name="invitation">The invitation.</param>
    /// <param name="variable">Gives an environment variable: the settings of the identity.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="FedCloudException"><c>setting_missing</c>, <c>key_file_permissions</c>, <c>file_missing</c>: the identity. <c>package_not_restored</c>: this build has no broker's client. <c>body_malformed</c>: the invitation.</exception>
    public static SiloConnections Open(SiloInvitation invitation, Func<string, string?> variable, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(invitation);
        ArgumentNullException.ThrowIfNull(variable);
        if (invitation.ServiceBus is null)
        {
            RestBlobStore store = new(Endpoint(invitation.StorageEndpoint), new SasCredential(invitation.Sas));
            return new SiloConnections(store, new BlobMailboxes(store, time), store);
        }

        return Open(invitation, AzureCredentials.Make(AzureIdentitySettings.Read(variable)), time);
    }

    /// <summary>The same under an identity, for mailboxes that are queues.</summary>
    /// <param name="invitation">The invitation.</param>
    /// <param name="identity">The identity.</param>
    /// <param name="time">The clock.</param>
    /// <param name="open">Makes the broker's client; null for the ordinary one.</param>
    /// <exception cref="FedCloudException"><c>package_not_restored</c> or <c>body_malformed</c>.</exception>
    public static SiloConnections Open(SiloInvitation invitation, TokenCredential identity, TimeProvider time, Func<ServiceBusOptions, TokenCredential, ServiceBusClient>? open = null)
    {
        ArgumentNullException.ThrowIfNull(invitation);
        ServiceBusOptions options = new() { Namespace = invitation.ServiceBus ?? throw new ArgumentException("expected an invitation whose mailboxes are queues", nameof(invitation)) };
        ServiceBusClient client = (open ?? (static (chosen, credential) => chosen.OpenClient(credential)))(options, identity);
        BearerCredential credential = BearerCredential.Of(identity, time, UploadName.Container(invitation.SiloId));
        RestBlobStore main = new(Endpoint(invitation.StorageEndpoint), credential);
        RestBlobStore log = new(Endpoint(invitation.LogEndpoint ?? invitation.StorageEndpoint), credential);
        BlobStoreByContainer store = new(container => IsOfLog(container) ? log : main);
        return new SiloConnections(store, new ServiceBusMailboxes(client, _ => client, options, time), main, log);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (RestBlobStore store in _stores)
        {
            store.Dispose();
        }
    }

    private static bool IsOfLog(string container) =>
        string.Equals(container, LogPaths.Name(LogContainer.Log), StringComparison.Ordinal) || string.Equals(container, LogPaths.Name(LogContainer.LogHead), StringComparison.Ordinal);

    private static Uri Endpoint(string text) => Uri.TryCreate(text, UriKind.Absolute, out Uri? address)
        ? address
        : throw new FedCloudException(ErrorCodes.BodyMalformed, "invitation: expected the address of a storage endpoint, found another text", "ask the operator for a new invitation");
}
