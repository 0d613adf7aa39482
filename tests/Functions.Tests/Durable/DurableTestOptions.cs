// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Settings of the backend for tests; the defaults are what the pinned packages do.</summary>
public sealed record DurableTestOptions
{
    /// <summary>The longest input, output, event or status in bytes of JSON. The services take more; orchestrators here carry ids and digests only.</summary>
    public int MaxPayloadBytes { get; init; } = 16 * 1024;

    /// <summary>As the isolated worker sets it up.</summary>
    public JsonSerializerOptions Json { get; init; } = new() { PropertyNameCaseInsensitive = true };

    /// <summary>
    /// Whether a wait that was cancelled still takes the next event of its name, which is then lost. The worker does so up to 1.25.0
    /// (durabletask-dotnet issue 508), so an orchestrator has to live with it; false is what its documentation says.
    /// </summary>
    public bool CancelledWaitsTakeEvents { get; init; } = true;

    /// <summary>Longer timers are made of several of this length.</summary>
    public TimeSpan MaximumTimerInterval { get; init; } = TimeSpan.FromDays(3);

    /// <summary>The version of orchestrations started without one, as defaultVersion in host.json.</summary>
    public string DefaultVersion { get; init; } = string.Empty;

    public DateTimeOffset Start { get; init; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}
