// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask.Converters;

namespace Microsoft.DurableTask.Worker;

/// <summary>Settings of the worker; versions of orchestrators are ours to set.</summary>
public class DurableTaskWorkerOptions
{
    public enum VersionMatchStrategy
    {
        None = 0,
        Strict = 1,
        CurrentOrOlder = 2,
    }

    public enum VersionFailureStrategy
    {
        Reject = 0,
        Fail = 1,
    }

    public DataConverter DataConverter
    {
        get;
        set => field = value ?? JsonDataConverter.Default;
    }
    = JsonDataConverter.Default;

    public TimeSpan MaximumTimerInterval { get; set; } = TimeSpan.FromDays(3);
    public VersioningOptions? Versioning { get; set; }

    public class VersioningOptions
    {
        public string Version { get; set; } = string.Empty;
        public string DefaultVersion { get; set; } = string.Empty;
        public VersionMatchStrategy MatchStrategy { get; set; } = VersionMatchStrategy.None;
        public VersionFailureStrategy FailureStrategy { get; set; } = VersionFailureStrategy.Reject;
    }
}
