// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Identity;

namespace FedCloud.Coordinator;

/// <summary>What sets actors in shared storage going: one orchestration each, which looks at its actor when it is woken.</summary>
public interface IOrchestrations
{
    /// <summary>Wakes an orchestration, or starts it. A wake that comes twice does no harm; one that is lost waits for the next watch.</summary>
    /// <param name="actor">Whose.</param>
    /// <param name="cancellation">Stops it.</param>
    Task WakeAsync(ActorName actor, CancellationToken cancellation);
}

/// <summary>The name of an actor that an orchestration sets going.</summary>
/// <param name="Job">The run; null for the others.</param>
/// <param name="Kind">What it is.</param>
public sealed record ActorName(ActorKind Kind, RunId? Job = null)
{
    /// <summary>The federation's epochs.</summary>
    public static ActorName Epochs { get; } = new(ActorKind.Epochs);

    /// <summary>The log's writer.</summary>
    public static ActorName Log { get; } = new(ActorKind.Log);

    /// <summary>The id of the orchestration: of one actor there is one.</summary>
    public string Instance => Kind switch
    {
        ActorKind.Run => $"run-{Job}",
        ActorKind.Epochs => "epochs",
        _ => "log",
    };

    /// <summary>A run.</summary>
    public static ActorName Run(RunId job) => new(ActorKind.Run, job);

    /// <inheritdoc/>
    public override string ToString() => Instance;
}

/// <summary>The kinds of actors.</summary>
public enum ActorKind
{
    /// <summary>A run.</summary>
    Run,

    /// <summary>The federation's epochs.</summary>
    Epochs,

    /// <summary>The log's writer.</summary>
    Log,
}
