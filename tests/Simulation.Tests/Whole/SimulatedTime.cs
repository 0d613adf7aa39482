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

/// <summary>A party's own clock, which is off by a constant.</summary>
internal sealed class SkewedTime(TimeProvider world, TimeSpan skew) : TimeProvider
{
    public override long TimestampFrequency => world.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => world.GetUtcNow() + skew;

    public override long GetTimestamp() => world.GetTimestamp();
}
