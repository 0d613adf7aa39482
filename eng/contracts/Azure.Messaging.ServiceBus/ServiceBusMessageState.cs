// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Azure.Messaging.ServiceBus;

/// <summary>Whether a message is ready, deferred or scheduled.</summary>
public enum ServiceBusMessageState
{
    Active = 0,
    Deferred = 1,
    Scheduled = 2,
}
