// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.Azure.Functions.Worker;

/// <summary>Last and next occurrence of a timer.</summary>
public class ScheduleStatus
{
    public DateTime Last { get; set; }
    public DateTime Next { get; set; }
    public DateTime LastUpdated { get; set; }
}
