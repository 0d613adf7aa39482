// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Silos;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Silos;

public sealed class SiloRulesPropertyTests
{
    // An agent that carries effects out in any order, before a coordinator that says anything in any order; WatchedSilo asserts the rules.
    [Fact]
    public void AnyOrderOfEvents_BreaksNoRuleAndReplaysTheSame() =>
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            HostileCoordinator coordinator = new(new Random(seed));
            WatchedSilo silo = new();
            for (int i = 0; i < 250; i++)
            {
                coordinator.Next(silo);
            }

            return Replay(silo);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    [Fact]
    public void HostileCoordinator_ReachesEveryKindOfEffect()
    {
        HashSet<Type> seen = [];
        for (int seed = 0; seed < 200; seed++)
        {
            HostileCoordinator coordinator = new(new Random(seed));
            WatchedSilo silo = new();
            for (int i = 0; i < 250; i++)
            {
                coordinator.Next(silo);
            }

            seen.UnionWith(silo.Effects.Select(effect => effect.GetType()));
        }

        Type[] plain = [typeof(UploadUpdate), typeof(SendUpdate), typeof(EvaluateModel)];
        Assert.Equal(
            typeof(SiloEffect).Assembly.GetTypes().Where(type => type.BaseType == typeof(SiloEffect)).Except(plain).Select(type => type.Name).Order(),
            seen.Select(type => type.Name).Order());
    }

    // The journal holds only what had an effect; folding it gives the same state and asks for the same things.
    private static bool Replay(WatchedSilo silo)
    {
        SiloState state = new();
        List<SiloEffect> effects = [];
        foreach (SiloEvent @event in silo.Journal)
        {
            SiloStep step = SiloMachine.Step(state, @event);
            state = step.State;
            effects.AddRange(step.Effects);
        }

        return string.Equals(JsonSerializer.Serialize(state), JsonSerializer.Serialize(silo.State), StringComparison.Ordinal)
            && string.Equals(JsonSerializer.Serialize(effects), JsonSerializer.Serialize(silo.Effects), StringComparison.Ordinal);
    }
}
