// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The world's clock, which moves only when the world moves it.</summary>
internal sealed class SimulatedTime : TimeProvider
{
    public DateTimeOffset Now { get; private set; } = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Now;

    public override long GetTimestamp() => Now.UtcTicks;

    public void Advance(TimeSpan by) => Now += by;
}

/// <summary>A party's own clock, which is off by so much.</summary>
internal sealed class SkewedTime(TimeProvider world, TimeSpan skew) : TimeProvider
{
    /// <summary>How much the clock is ahead.</summary>
    public TimeSpan Skew { get; set; } = skew;

    public override long TimestampFrequency => world.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => world.GetUtcNow() + Skew;

    public override long GetTimestamp() => world.GetTimestamp();
}
