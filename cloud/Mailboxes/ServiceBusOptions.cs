// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net;
using Azure.Core;
using Azure.Messaging.ServiceBus;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>How a <see cref="ServiceBusMailbox"/> reaches its namespace.</summary>
public sealed record ServiceBusOptions
{
    /// <summary>The namespace's host, such as <c>fedcloud.servicebus.windows.net</c>.</summary>
    public required string Namespace { get; init; }

    /// <summary>The proxy between us and the namespace; null takes the system's.</summary>
    public Uri? Proxy { get; init; }

    /// <summary>How many times an operation is tried again. Default 4.</summary>
    public int Retries { get; init; } = 4;

    /// <summary>The wait before the first retry; it doubles with each, with jitter. Default 0.5 seconds.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest wait between retries. Default 10 seconds.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one try may take. Default 30 seconds.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long receiving waits for a first message; a queue has no way to say "none" at once. Default 1 second.</summary>
    public TimeSpan ReceiveWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Makes the client that all mailboxes of a process share; it connects with its first use.</summary>
    /// <param name="credential">Who we are.</param>
    /// <exception cref="FedCloudException"><c>package_not_restored</c>.</exception>
    public ServiceBusClient OpenClient(TokenCredential credential)
    {
        ContractCheck.Require(typeof(ServiceBusClient));
        return new ServiceBusClient(Namespace, credential, ToClientOptions());
    }

    /// <summary>The same in the client's words: AMQP over WebSockets, so that port 443 is the only one that a firewall must let out.</summary>
    public ServiceBusClientOptions ToClientOptions() => new()
    {
        TransportType = ServiceBusTransportType.AmqpWebSockets,
        WebProxy = Proxy is null ? null : new WebProxy(Proxy),
        RetryOptions = new ServiceBusRetryOptions { Mode = ServiceBusRetryMode.Exponential, MaxRetries = Retries, Delay = Delay, MaxDelay = MaxDelay, TryTimeout = Patience },
    };
}
