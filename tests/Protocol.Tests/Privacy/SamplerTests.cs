// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

/// <summary>
/// The samplers against their exact laws. Keys are fixed, so a run either always passes or always fails; the chi-square limits
/// are the 1 - 1e-6 quantiles, so a right sampler had one chance in a million to be given an unlucky key.
/// </summary>
public sealed class SamplerTests
{
    [Theory]
    [InlineData(1, 4)]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(100, 1)]
    [InlineData(1001, 10)]
    public void DiscreteGaussian_Draws_FollowTheLaw(int numerator, int denominator)
    {
        using RandomBits bits = Bits($"gauss {numerator}/{denominator}");
        DiscreteGaussianLaw law = new((double)numerator / denominator);
        DiscreteGaussianSampler sampler = new(bits, numerator, denominator);

        ChiSquare(sampler, law.Probability, -80, 80, 200_000);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(10, 1)]
    [InlineData(7, 2)]
    [InlineData(1, 3)]
    public void DiscreteLaplace_Draws_FollowTheLaw(int numerator, int denominator)
    {
        using RandomBits bits = Bits($"laplace {numerator}/{denominator}");
        double rate = (double)denominator / numerator;
        DiscreteLaplaceSampler sampler = new(bits, numerator, denominator);

        ChiSquare(sampler, x => Math.Tanh(rate / 2) * Math.Exp(-rate * Math.Abs(x)), -150, 150, 200_000);
    }

    [Theory]
    [InlineData(3, 10)]
    [InlineData(1, 1)]
    [InlineData(63, 1)]
    [InlineData(64, 1)]
    [InlineData(131, 2)]
    [InlineData(100, 1)]
    [InlineData(1000, 1)]
    public void Poisson_Draws_FollowTheLaw(int numerator, int denominator)
    {
        using RandomBits bits = Bits($"poisson {numerator}/{denominator}");
        double mean = (double)numerator / denominator;
        PoissonSampler sampler = new(bits, numerator, denominator);

        ChiSquare(sampler, k => k < 0 ? 0 : Poisson(mean, k), 0, 1400, 200_000);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(50, 1)]
    [InlineData(401, 2)]
    public void Skellam_Draws_FollowTheLaw(int numerator, int denominator)
    {
        using RandomBits bits = Bits($"skellam {numerator}/{denominator}");
        double mean = (double)numerator / denominator / 2;
        SkellamSampler sampler = new(bits, numerator, denominator);
        double[] poisson = [.. Enumerable.Range(0, 500).Select(k => Poisson(mean, k))];

        ChiSquare(sampler, x => Enumerable.Range(0, 400).Where(k => k + x >= 0).Sum(k => poisson[k] * poisson[k + x]), -99, 99, 200_000);
    }

    [Theory]
    [InlineData(1L << 20)]
    [InlineData((1L << 31) - 1)]
    [InlineData(1L << 33)]
    public void DiscreteGaussian_LargeSigma_IsGaussianInEqualCells(long sigma)
    {
        using RandomBits bits = Bits($"large {sigma}");

        ChiSquareInCells(new DiscreteGaussianSampler(bits, sigma), sigma, 100_000);
    }

    [Fact]
    public void DiscreteGaussian_LargeFraction_IsGaussianInEqualCells()
    {
        using RandomBits bits = Bits("large fraction");
        BigInteger sigma = 1L << 30;

        ChiSquareInCells(new DiscreteGaussianSampler(bits, (sigma * sigma * 3) + 1, 3), Math.ScaleB(1, 30), 20_000);
    }

    [Theory]
    [InlineData(1L << 24)]
    [InlineData(1L << 40)]
    public void Skellam_LargeVariance_IsGaussianInEqualCells(long variance)
    {
        using RandomBits bits = Bits($"large skellam {variance}");

        ChiSquareInCells(new SkellamSampler(bits, variance, 1), Math.Sqrt(variance), 20_000);
    }

    [Fact]
    public void RoundedGaussian_Draws_AreGaussianInEqualCellsAndInTheTail()
    {
        using RandomBits bits = Bits("rounded");
        long sigma = 1L << 30;
        RoundedGaussianSampler sampler = new(bits, sigma);
        int beyond = 0;

        ChiSquareInCells(sampler, sigma, 200_000);
        for (int i = 0; i < 1_000_000; i++)
        {
            beyond += Math.Abs(sampler.Next()) > 4 * sigma ? 1 : 0;
        }

        Assert.InRange(beyond, 63 - 40, 63 + 40); // P[|N| > 4] = 6.334e-5
    }

    [Fact]
    public void RoundedGaussian_SmallestTailVariable_ReachesBeyondNineDeviations()
    {
        // 64 zero bits and then a one: u is about 2^-65, which a uniform number of 53 bits never is.
        ScriptedRandomSource source = new ScriptedRandomSource().Then64(0).Then64(1UL << 63).Then64(0);
        using RandomBits bits = new(source);

        long draw = new RoundedGaussianSampler(bits, 1L << 30).Next();

        PrivacyVectors.CloseRelative(Math.Sqrt(2 * 65 * Math.Log(2)), Math.ScaleB(draw, -30), 1e-9);
    }

    [Theory]
    [InlineData(0UL, 0)]
    [InlineData(ulong.MaxValue, 1)]
    public void Coin_FirstDigitsEqual_IsDecidedByTheNextOnes(ulong next, long expected)
    {
        // Scale 3, u = 1: the coin e^(-1/3) first asks whether a number is below 1/3, and its first 64 binary digits are those
        // of 1/3. Below, the next question ends the coin with tails and u is drawn again, as 0; above, the coin shows heads.
        ScriptedRandomSource source = new ScriptedRandomSource().Then32(0x8000_0000).Then64(0x5555_5555_5555_5555).Then64(next);
        source = next == 0 ? source.Then64(ulong.MaxValue).Then32(1) : source;
        using RandomBits bits = new(source.Then32(uint.MaxValue));

        long draw = new DiscreteLaplaceSampler(bits, 3, 1).Next();

        Assert.Equal(expected, draw);
    }

    [Fact]
    public void AesCtr_ZeroKey_IsTheEncryptionOfCounters()
    {
        // NIST SP 800-38A mode with key 0 and counter 0: AES-256 of a zero block, then of 1 (FIPS 197).
        byte[] stream = new byte[5000];
        using AesCtrRandomSource source = new(new byte[32]);
        using Aes aes = Aes.Create();
        aes.SetKey(new byte[32]);
        byte[] last = new byte[16];
        BitConverter.GetBytes((ushort)311).Reverse().ToArray().CopyTo(last, 14);

        source.Fill(stream.AsSpan(0, 7));
        source.Fill(stream.AsSpan(7));

        Assert.Equal("DC95C078A2408989AD48A21492842087", Convert.ToHexString(stream, 0, 16));
        Assert.Equal(aes.EncryptEcb(last, PaddingMode.None), stream[(311 * 16)..(312 * 16)]);
    }

    [Fact]
    public void Below_AnyBound_IsUniform()
    {
        using RandomBits bits = Bits("below");
        ulong[] bounds = [1, 3, 1000, uint.MaxValue, (1UL << 32) + 1, 3UL << 62];

        Assert.All(bounds, bound =>
        {
            int[] cells = new int[3];
            for (int i = 0; i < 30_000; i++)
            {
                ulong draw = bits.Below(bound);
                Assert.True(draw < bound);
                cells[(int)((UInt128)draw * 3 / bound)]++;
            }

            Assert.True(bound == 1 || cells.All(cell => Math.Abs(cell - 10_000) < 5 * 82), $"{bound}: {string.Join(' ', cells)}");
        });
    }

    [Fact]
    public void OsRandomSource_TwoFills_Differ()
    {
        byte[] a = new byte[32];
        byte[] b = new byte[32];
        OsRandomSource source = new();

        source.Fill(a);
        source.Fill(b);

        Assert.NotEqual(a, b);
    }

    private static RandomBits Bits(string seed) => new(new AesCtrRandomSource(SHA256.HashData(Encoding.ASCII.GetBytes(seed))));

    private static double Poisson(double mean, long k)
    {
        double log = -mean;
        for (long j = 1; j <= k; j++)
        {
            log += Math.Log(mean / j);
        }

        return Math.Exp(log);
    }

    // Cells with fewer than 10 expected draws are merged into the two ends.
    private static void ChiSquare(IIntegerSampler sampler, Func<long, double> probability, int from, int to, int draws)
    {
        Dictionary<long, int> found = [];
        for (int i = 0; i < draws; i++)
        {
            long x = sampler.Next();
            found[x] = found.GetValueOrDefault(x) + 1;
        }

        double[] law = [.. Enumerable.Range(from, to - from + 1).Select(x => probability(x))];
        int[] used = [.. Enumerable.Range(0, law.Length).Where(i => law[i] * draws >= 10)];
        int first = used[0] + from;
        int last = used[^1] + from;
        double statistic = Term(found.Where(cell => cell.Key < first).Sum(cell => cell.Value) + found.Where(cell => cell.Key > last).Sum(cell => cell.Value), Math.Max(0, 1 - used.Sum(i => law[i])) * draws);
        foreach (int i in used)
        {
            statistic += Term(found.GetValueOrDefault(i + from), law[i] * draws);
        }

        Assert.True(statistic < Limit(used.Length), $"chi-square {statistic} with {used.Length} degrees of freedom, limit {Limit(used.Length)}");
    }

    private static void ChiSquareInCells(IIntegerSampler sampler, double sigma, int draws)
    {
        int[] found = new int[64];
        double mean = 0;
        double square = 0;
        for (int i = 0; i < draws; i++)
        {
            double x = sampler.Next() / sigma;
            mean += x / draws;
            square += x * x / draws;
            found[Math.Clamp((int)Math.Floor((x * 10) + 32), 0, 63)]++;
        }

        double statistic = 0;
        for (int i = 0; i < 64; i++)
        {
            double low = i == 0 ? 0 : Normal((i - 32) / 10.0);
            double high = i == 63 ? 1 : Normal((i - 31) / 10.0);
            statistic += Term(found[i], (high - low) * draws);
        }

        Assert.True(statistic < Limit(63), $"chi-square {statistic}, limit {Limit(63)}");
        Assert.True(Math.Abs(mean) < 5 / Math.Sqrt(draws), $"mean {mean}");
        Assert.True(Math.Abs(square - 1) < 5 * Math.Sqrt(2.0 / draws), $"variance {square}");
    }

    private static double Term(int found, double expected) => expected < 1e-9 ? found * 1e6 : (found - expected) * (found - expected) / expected;

    // The 1 - 1e-6 quantile, Wilson and Hilferty 1931.
    private static double Limit(int degrees)
    {
        double cube = 1 - (2.0 / (9 * degrees)) + (4.7534 * Math.Sqrt(2.0 / (9 * degrees)));
        return degrees * cube * cube * cube;
    }

    // P[N <= x] from the exact accountant's own curve: delta at epsilon 0 is 2 Phi(mu/2) - 1.
    private static double Normal(double x)
    {
        double delta = x == 0 ? 0 : ExactGaussian.Delta(1 / (2 * Math.Abs(x)), 1, 0);
        return 0.5 + (Math.Sign(x) * delta / 2);
    }
}
