// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Events that are on their way when a test begins.</summary>
internal static class EventsBeforeTheStart
{
    public static DurableTestHost WithEvents(this DurableTestHost host, string instanceId, params (string Name, object Value)[] events)
    {
        foreach ((string name, object value) in events)
        {
            host.Send(instanceId, new EventRaised(name, host.Payloads.Serialize(value)));
        }

        return host;
    }
}
