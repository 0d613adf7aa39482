// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using FedCloud.Functions.Orchestrations;
using FedCloud.Functions.Tests.Durable;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The service that keeps orchestrations, which outlives the coordinator's processes. It replays the host's own orchestrator.</summary>
internal sealed class DurableBackend
{
    private readonly Dictionary<string, string> _seen = new(StringComparer.Ordinal);

    public DurableBackend(DateTimeOffset start)
    {
        Host = new DurableTestHost(new DurableTestOptions { Start = start });
        Host.AddOrchestrator(ActorOrchestration.Name, ActorOrchestration.RunAsync);
        Host.AddActivity<ActorCall, Outlook>(ActorOrchestration.Advance, AdvanceAsync);
        Host.AddActivity<ActorCall, object?>(ActorOrchestration.CarryOut, CarryOutAsync);
        Orchestrations.Use(Host.Client);
    }

    public DurableTestHost Host { get; }

    public DurableOrchestrations Orchestrations { get; } = new();

    /// <summary>The processes that do what orchestrations ask for; null while there are none.</summary>
    public DurableCoordinator? Worker { get; set; }

    /// <summary>Whether something that matters was done since this was asked last.</summary>
    public bool TakeWorked()
    {
        bool worked = Worked || Host.Instances.Any(instance => instance.CustomStatus is not null);
        Worked = false;
        return worked;
    }

    public bool Worked { get; set; }

    private DurableCoordinator Processes => Worker ?? throw new InvalidOperationException("no process is there");

    private async Task<Outlook> AdvanceAsync(ActorCall call)
    {
        Outlook outlook = new();
        await Processes.DoAsync(async process => outlook = await process.AdvanceAsync(call.ToActor(), CancellationToken.None));
        string instance = call.ToActor().Instance;
        string text = $"{outlook.Chapter} {outlook.IsOver} {string.Join(',', outlook.Due)} {(call.Kind is ActorKind.Log ? null : outlook.Deadline)}";
        Worked |= !string.Equals(_seen.GetValueOrDefault(instance), text, StringComparison.Ordinal);
        _seen[instance] = text;
        return outlook;
    }

    private async Task<object?> CarryOutAsync(ActorCall call)
    {
        Worked = true;
        await Processes.DoAsync(process => call.Part is { } part
            ? process.CarryOutPartAsync(call.ToActor(), call.Effect, part, CancellationToken.None)
            : process.CarryOutAsync(call.ToActor(), call.Effect, CancellationToken.None));
        return null;
    }
}
