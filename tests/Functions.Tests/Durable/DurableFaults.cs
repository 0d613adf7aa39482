// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Functions.Tests.Durable;

/// <summary>A seeded scheduler: any step that may be next is next, and some go wrong. The same seed gives the same run.</summary>
public sealed class DurableFaults(int seed)
{
#pragma warning disable CA5394 // a run that can be repeated, not a secret
    private readonly Random _random = new(seed);

    public int Seed { get; } = seed;

    /// <summary>How often a process dies between the work and its record.</summary>
    public double Crash { get; init; } = 0.1;

    /// <summary>How often an event or a result comes twice.</summary>
    public double Duplicate { get; init; } = 0.1;

    /// <summary>How often the clock runs ahead to the next timer though other work waits: activities and events come late.</summary>
    public double Late { get; init; } = 0.1;

    public DurableStep Choose(IReadOnlyList<DurableStep> steps) => steps[_random.Next(steps.Count)];

    public bool IsLate() => _random.NextDouble() < Late;

    public StepFault ChooseFault()
    {
        double draw = _random.NextDouble();
        return draw < Crash ? StepFault.Crash : draw < Crash + Duplicate ? StepFault.Duplicate : StepFault.None;
    }
#pragma warning restore CA5394
}
