// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using FedCloud.Functions.Orchestrations;
using FedCloud.Functions.Tests.Durable;
using FedCloud.Protocol.Identity;
using Microsoft.DurableTask;

namespace FedCloud.Functions.Tests.Orchestrations;

/// <summary>An actor without a document: a script says what is next at each look, and what happens to each effect. Its orchestration is the host's own.</summary>
internal sealed class ScriptedActor : IDisposable
{
    private readonly Func<int, Outlook> _look;
    private readonly Action<ActorCall> _carryOut;

    public ScriptedActor(Func<int, Outlook> look, Action<ActorCall>? carryOut = null)
    {
        _look = look;
        _carryOut = carryOut ?? (static _ => { });
        Host = new DurableTestHost(new DurableTestOptions { DefaultVersion = ActorOrchestration.Version });
        Host.AddOrchestrator(ActorOrchestration.Name, ActorOrchestration.RunAsync);
        Host.AddActivity<ActorCall, Outlook>(ActorOrchestration.Advance, AdvanceAsync);
        Host.AddActivity<ActorCall, object?>(ActorOrchestration.CarryOut, CarryOutAsync);
    }

    public static ActorName Actor { get; } = ActorName.Run(new RunId("run-1"));

    public DurableTestHost Host { get; }

    /// <summary>What the orchestration called for, in its order.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>When it looked.</summary>
    public List<DateTimeOffset> Looks { get; } = [];

    public DurableInstance Instance => Host.Instance(Actor.Instance);

    /// <summary>The histories of all generations, the last one perhaps not ended.</summary>
    public IEnumerable<DurableHistory> Histories => [.. Instance.Past, Instance.History];

    public Task StartAsync() => Host.Client.ScheduleNewOrchestrationInstanceAsync(ActorOrchestration.Name, ActorCall.Of(Actor), new StartOrchestrationOptions(Actor.Instance));

    /// <summary>Starts it, and goes on until only an event from outside, or time, could bring more.</summary>
    public async Task RunAsync()
    {
        await StartAsync();
        await Host.RunUntilIdleAsync();
    }

    public Task WakeAsync() => Host.Client.RaiseEventAsync(Actor.Instance, ActorOrchestration.Wake, Actor.Instance);

    /// <summary>The seconds from the start at which it looked.</summary>
    public IEnumerable<double> Seconds() => Looks.Select(look => (look - Host.Options.Start).TotalSeconds);

    public void Dispose() => Host.Dispose();

    public static Outlook Due(params DueEffect[] effects) => new() { Due = [.. effects] };

    public static Outlook Over() => new() { IsOver = true };

    private Task<Outlook> AdvanceAsync(ActorCall call)
    {
        Calls.Add("look");
        Looks.Add(Host.Now);
        return Task.FromResult(_look(Looks.Count));
    }

    private Task<object?> CarryOutAsync(ActorCall call)
    {
        Calls.Add(call.Part is { } part ? $"part {call.Effect}/{part}" : $"effect {call.Effect}");
        _carryOut(call);
        return Task.FromResult<object?>(null);
    }
}
