// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Simulation.Tests.Whole;

namespace FedCloud.Coordinator.Tests;

/// <summary>The world's clock for one who waits: whoever waits makes time pass, and nobody sleeps.</summary>
internal sealed class WaitingTime(SimulatedTime world) : TimeProvider
{
    /// <summary>What happens while somebody waits.</summary>
    public Func<Task> Waited { get; set; } = static () => Task.CompletedTask;

    public override long TimestampFrequency => world.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => world.GetUtcNow();

    public override long GetTimestamp() => world.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        _ = RingAsync();
        return new Timer();

        async Task RingAsync()
        {
            await Task.Yield();
            world.Advance(dueTime);
            await Waited();
            callback(state);
        }
    }

    private sealed class Timer : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
