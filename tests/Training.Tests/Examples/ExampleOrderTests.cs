// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Examples;

namespace FedCloud.Training.Tests.Examples;

public sealed class ExampleOrderTests
{
    [Fact]
    public void Item_EachPass_VisitsEveryExampleOnce()
    {
        ExampleOrder order = new(17, seed: 4, round: 2);

        int[] first = [.. Enumerable.Range(0, 17).Select(i => order[i])];
        int[] second = [.. Enumerable.Range(17, 17).Select(i => order[i])];

        Assert.Equal(Enumerable.Range(0, 17), first.Order());
        Assert.Equal(Enumerable.Range(0, 17), second.Order());
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void Item_SeedAndRound_DecideTheOrder()
    {
        int[] Of(long seed, int round)
        {
            ExampleOrder order = new(40, seed, round);
            return [.. Enumerable.Range(0, 40).Select(i => order[i])];
        }

        Assert.Equal(Of(1, 1), Of(1, 1));
        Assert.NotEqual(Of(1, 1), Of(2, 1));
        Assert.NotEqual(Of(1, 1), Of(1, 2));
    }

    [Fact]
    public void Item_AnyJump_GivesTheSameAsWalking()
    {
        ExampleOrder walked = new(5, seed: 9, round: 1);
        int[] expected = [.. Enumerable.Range(0, 20).Select(i => walked[i])];
        ExampleOrder jumped = new(5, seed: 9, round: 1);

        Assert.Equal(expected[13], jumped[13]);
        Assert.Equal(expected[2], jumped[2]);
    }
}
