// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Privacy;

public sealed class PoissonSubsamplingTests
{
    [Theory]
    [InlineData(0.01)]
    [InlineData(0.3)]
    [InlineData(0.9)]
    public void Next_ManySteps_HasTheMeanAndVarianceOfIndependentCoins(double rate)
    {
        const int Units = 200;
        const int Steps = 4000;
        using AesCtrRandomSource source = PrivateTask.Source(7);
        using RandomBits coins = new(source);
        PoissonSubsampling sampling = new(Units, rate, coins);
        int[] entered = new int[Units];
        double sum = 0;
        double squares = 0;
        for (int step = 0; step < Steps; step++)
        {
            ReadOnlySpan<int> next = sampling.Next();
            foreach (int unit in next)
            {
                entered[unit]++;
            }

            sum += next.Length;
            squares += Math.Pow(next.Length - (Units * rate), 2);
        }

        double variance = Units * rate * (1 - rate);
        Assert.InRange(sum / Steps, (Units * rate) - (4 * Math.Sqrt(variance / Steps)), (Units * rate) + (4 * Math.Sqrt(variance / Steps)));
        Assert.InRange(squares / Steps / variance, 0.9, 1.1); // four deviations of a variance over 4,000 draws
        double each = 5 * Math.Sqrt(Steps * rate * (1 - rate));
        Assert.All(entered, count => Assert.InRange(count, (Steps * rate) - each, (Steps * rate) + each));
    }

    [Fact]
    public void Next_RateOfOne_TakesAllWhateverTheCoins()
    {
        using RandomBits coins = new(new OneCoin(ulong.MaxValue));

        Assert.Equal([0, 1, 2], new PoissonSubsampling(3, 1, coins).Next().ToArray());
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(1.0 / 3)]
    [InlineData(0.99999999999999989)]
    public void Next_CoinAtTheRate_StaysOut(double rate)
    {
        // floor(q 2^64), by whole numbers: q is m 2^-k.
        System.Numerics.BigInteger scaled = (System.Numerics.BigInteger)Math.ScaleB(rate, 200) >> 136;
        ulong threshold = (ulong)scaled;
        using RandomBits below = new(new OneCoin(threshold - 1));
        using RandomBits at = new(new OneCoin(threshold));

        Assert.Equal(1, new PoissonSubsampling(1, rate, below).Next().Length);
        Assert.Equal(0, new PoissonSubsampling(1, rate, at).Next().Length);
    }

    [Fact]
    public void Next_RateBelowEveryCoin_TakesNobody()
    {
        using RandomBits coins = new(new OneCoin(0));

        Assert.Equal(0, new PoissonSubsampling(9, 1e-20, coins).Next().Length);
    }

    private sealed class OneCoin(ulong coin) : IRandomSource
    {
        public void Fill(Span<byte> destination)
        {
            for (int i = 0; i < destination.Length; i += 8)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(destination[i..], coin);
            }
        }
    }
}
