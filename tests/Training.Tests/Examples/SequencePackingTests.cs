// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Examples;
using FsCheck;
using FsCheck.Fluent;

namespace FedCloud.Training.Tests.Examples;

public sealed class SequencePackingTests
{
    [Fact]
    public void Plan_AnyLengths_HoldsEachExampleOnceWithinTheLimit() =>
        Prop.ForAll(Gen.Choose(1, 50).ListOf().ToArbitrary(), lengths =>
        {
            IReadOnlyList<IReadOnlyList<int>> plan = SequencePacking.Plan([.. lengths], 50, seed: 3);
            return plan.SelectMany(sequence => sequence).Order().SequenceEqual(Enumerable.Range(0, lengths.Count))
                && plan.All(sequence => sequence.Count > 0 && sequence.Sum(i => lengths[i]) <= 50);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void Plan_AnyLengths_IsFirstFitDecreasing() =>
        Prop.ForAll(Gen.Choose(1, 50).NonEmptyListOf().ToArbitrary(), lengths =>
        {
            List<int> sums = [];
            foreach (int length in lengths.OrderDescending())
            {
                int at = sums.FindIndex(sum => sum + length <= 50);
                if (at < 0)
                {
                    sums.Add(length);
                    continue;
                }

                sums[at] += length;
            }

            return SequencePacking.Plan([.. lengths], 50, seed: 1).Select(sequence => sequence.Sum(i => lengths[i])).Order().SequenceEqual(sums.Order());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void Plan_SeedDecidesTheOrder_AndNothingElseDoes()
    {
        int[] lengths = [.. Enumerable.Range(0, 60).Select(i => 1 + (i * 7 % 20))];
        string Of(long seed) => string.Join('|', SequencePacking.Plan(lengths, 40, seed).Select(sequence => string.Join(',', sequence)));

        Assert.Equal(Of(5), Of(5));
        Assert.NotEqual(Of(5), Of(6));
    }

    [Fact]
    public void Plan_LengthsOutOfRange_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => SequencePacking.Plan([3, 11], 10, seed: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => SequencePacking.Plan([0], 10, seed: 1));
        Assert.Empty(SequencePacking.Plan([], 10, seed: 1));
    }
}
