// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using Xunit;
using Xunit.Abstractions;

namespace FedCloud.Simulation.Tests;

/// <summary>Many seeded schedules of all machines together. <see cref="Seeds"/> says how to run one alone.</summary>
public sealed class ScheduleTests(ITestOutputHelper output)
{
    private const int Schedules = 10_000;

    private static readonly Faults Harsh = new(Drop: 0.05, Duplicate: 0.1, Crash: 0.05, TrainerFails: 0.05, Forge: 0.1, Cancel: 0.0005, Revoke: 0.0005);

    [Fact]
    public void Schedules_WithFaults_KeepEveryInvariant()
    {
        int[] seeds = Seeds.Of(Schedules);
        int completed = 0;
        long steps = 0;

        Parallel.ForEach(seeds, seed =>
        {
            World world = WorldOf(seed);
            try
            {
                world.Run();
            }
            catch (InvalidOperationException broken)
            {
                throw new InvalidOperationException($"seed {seed}: {broken.Message} (set FEDCLOUD_SEED={seed} to reproduce)", broken);
            }

            Interlocked.Add(ref steps, world.Steps);
            if (world.State.Phase == RunPhase.Completed)
            {
                Interlocked.Increment(ref completed);
            }
        });

        output.WriteLine($"{seeds.Length} schedules, {steps} steps, {completed} runs completed");
        Assert.True(seeds.Length == 1 || completed > seeds.Length / 2, $"only {completed} of {seeds.Length} runs completed: the faults hide the protocol");
    }

    [Fact]
    public void Schedules_SameSeed_TakeTheSameSteps()
    {
        World first = WorldOf(4242);
        World second = WorldOf(4242);

        first.Run();
        second.Run();

        Assert.Equal(first.Steps, second.Steps);
        Assert.Equal(first.State.Model, second.State.Model);
    }

    [Fact]
    public void Schedules_WithoutFaults_CompleteEveryRoundWithEverySilo()
    {
        World world = new(7, Config(rounds: 4, quorum: 2, declared: true), silos: 5, new Faults(0, 0, 0, 0, 0, 0, 0));

        world.Run();

        Assert.Equal(RunPhase.Completed, world.State.Phase);
        Assert.Equal(4, world.State.CommittedRounds);
        Assert.Equal(4, world.State.LastRound);
    }

    [Fact]
    public void Schedules_TwoHundredSilosAHundredRounds_EndInTime()
    {
        Stopwatch watch = Stopwatch.StartNew();
        World world = new(1, Config(rounds: 100, quorum: 120, declared: true), silos: 200, Harsh with { Cancel = 0, Revoke = 0 });

        world.Run();

        output.WriteLine($"{world.State.CommittedRounds} rounds, {world.Steps} steps, {watch.Elapsed.TotalSeconds:F1} s");
        Assert.Equal(RunPhase.Completed, world.State.Phase);
    }

    private static World WorldOf(int seed)
    {
        Random shape = new(seed);
        int silos = shape.Next(2, 7);
        int quorum = shape.Next(2, silos + 1);
        return new World(seed, Config(shape.Next(1, 5), quorum, declared: true), silos, Harsh);
    }

    private static RunConfig Config(int rounds, int quorum, bool declared)
    {
        PlanEntry Text(string name, object value) => new(0, name, new PlanScalar(0, Convert.ToString(value, CultureInfo.InvariantCulture)!, Quoted: false));
        PlanMapping plan = new(0,
        [
            Text("rounds", rounds),
            new PlanEntry(0, "aggregation", new PlanMapping(0, [Text("mode", "plain"), Text("weighting", declared ? "declared" : "uniform")])),
            new PlanEntry(0, "participation", new PlanMapping(0, [Text("quorum", quorum), Text("min_silos", quorum), Text("round_deadline", 60), Text("straggler_grace", 10), Text("max_abandoned_rounds", 5)])),
        ]);
        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = "sim-run", ["federation"] = "sim-federation", ["base_model"] = new string('0', 64) };
        return PlanReader.Require(PlanReader.Read(plan, filledIn));
    }
}
