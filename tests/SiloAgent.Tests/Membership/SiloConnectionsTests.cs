// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using Azure.Core;
using Azure.Messaging.ServiceBus;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.SiloAgent.Connections;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Membership;

/// <summary>Where an agent goes with what its invitation says.</summary>
public sealed class SiloConnectionsTests
{
    private const string Broker = "fedcloud.servicebus.windows.net";

    [Fact]
    public void Open_MailboxesInContainers_AsksForNoIdentity()
    {
        using SiloConnections connections = SiloConnections.Open(Invitation(broker: null), static _ => null, TimeProvider.System);

        Assert.IsType<BlobMailboxes>(connections.Mailboxes);
    }

    [Theory]
    [InlineData(null, "setting_missing", "FEDCLOUD_IDENTITY")]
    [InlineData("guess", "setting_missing", "FEDCLOUD_IDENTITY")]
    [InlineData("managed", "setting_missing", "FEDCLOUD_IDENTITY_CLIENT")]
    [InlineData("certificate", "setting_missing", "FEDCLOUD_IDENTITY_CERTIFICATE")]
    public void Open_QueuesWithoutAnIdentity_NamesTheSetting(string? kind, string code, string setting)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() =>
            SiloConnections.Open(Invitation(Broker), name => string.Equals(name, "FEDCLOUD_IDENTITY", StringComparison.Ordinal) ? kind : null, TimeProvider.System));

        Assert.Equal(code, error.Code.Name);
        Assert.StartsWith(setting, error.Found, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not an address")]
    [InlineData("")]
    public void Open_StorageWithoutAddress_IsRefused(string endpoint) => Assert.Equal(
        ErrorCodes.BodyMalformed,
        Assert.Throws<FedCloudException>(() => SiloConnections.Open(Invitation(broker: null) with { StorageEndpoint = endpoint }, static _ => null, TimeProvider.System)).Code);

    [Fact]
    public async Task Open_Queues_SendsToTheCoordinatorAndReceivesFromItsOwnQueueOnly()
    {
        List<string> used = [];
        ServiceBusOptions? chosen = null;
        using SiloConnections connections = SiloConnections.Open(Invitation(Broker), new NoToken(), TimeProvider.System, (options, _) =>
        {
            chosen = options;
            return new NamesOnly(used);
        });

        await Assert.ThrowsAsync<NotSupportedException>(() => connections.Mailboxes.Open(MailboxNames.Coordinator).SendAsync(new("0123456789abcdef0123456789abcdef"), [1], CancellationToken.None));
        await Assert.ThrowsAsync<NotSupportedException>(() => connections.Mailboxes.OpenOwn(MailboxNames.Of(new SiloId("north"))).ReceiveAsync(1, CancellationToken.None));

        Assert.Equal(["to coordinator", "from silo-north"], used);
        Assert.Equal(Broker, chosen?.Namespace);
        Assert.Equal(ServiceBusTransportType.AmqpWebSockets, chosen?.ToClientOptions().TransportType);
    }

    private static SiloInvitation Invitation(string? broker) => new()
    {
        V = 1,
        Federation = new FederationId("test-federation"),
        SiloId = new SiloId("north"),
        Code = new string('0', 64),
        CoordinatorSpki = "AA==",
        LogVkey = "test-federation/log+00000000+AA==",
        StorageEndpoint = "https://models.blob.core.windows.net/",
        LogEndpoint = broker is null ? null : "https://audit.blob.core.windows.net/",
        ServiceBus = broker,
        Sas = ImmutableSortedDictionary<string, string>.Empty,
        BellUrl = string.Empty,
        BellToken = string.Empty,
        Expires = DateTimeOffset.UnixEpoch,
    };

    private sealed class NamesOnly(List<string> used) : ServiceBusClient
    {
        public override ServiceBusSender CreateSender(string queueOrTopicName)
        {
            used.Add("to " + queueOrTopicName);
            throw new NotSupportedException();
        }

        public override ServiceBusReceiver CreateReceiver(string queueName, ServiceBusReceiverOptions options)
        {
            used.Add("from " + queueName);
            throw new NotSupportedException();
        }
    }

    private sealed class NoToken : TokenCredential
    {
        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) => throw new NotSupportedException();

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
