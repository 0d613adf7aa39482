// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Tests.SecureAggregation;
using FedCloud.SiloAgent.SecureAggregation;
using Xunit;

namespace FedCloud.SiloAgent.Tests.SecureAggregation;

/// <summary>Masking with noise on the ring (secure-aggregation, section 8.1). Keys are fixed, so a run either always passes or always fails.</summary>
public sealed class RingNoiseMaskingTests : IDisposable
{
    private const int Silos = 4;
    private const int Coordinates = 2000;

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly SecretBytes _coins = new([.. Enumerable.Range(1, 32).Select(i => (byte)i)]);
    private readonly SecretBytes _noise = new([.. Enumerable.Range(101, 32).Select(i => (byte)i)]);
    private int _jobs;

    public void Dispose()
    {
        _coins.Dispose();
        _noise.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(32)]
    public void Mask_Noise_IsOnEveryCoordinateButTheWeight_AndHasItsVariance(int bits)
    {
        RingLayout layout = Layout(bits, clip: 1, noise: 2);

        int[] plain = Unmasked(Job(layout, new float[Coordinates]));

        double sigma = layout.SigmaLocal(0);
        double variance = plain[..^1].Sum(value => (double)value * value) / (plain.Length - 1);
        Assert.InRange(variance / (sigma * sigma), 0.85, 1.15); // 2,000 squares: their mean is within 3.2 % in two of three cases
        Assert.InRange(Math.Abs(plain[..^1].Average()), 0, 5 * sigma / Math.Sqrt(plain.Length));
        Assert.Equal(layout.Limit, plain[^1]);
        Assert.InRange(plain[..^1].Distinct().Count(), 20, int.MaxValue);
    }

    [Fact]
    public void Mask_AnotherNoiseKey_GivesOtherNoise_TheSameOneTheSame()
    {
        RingLayout layout = Layout(32, clip: 1, noise: 2);
        using SecretBytes other = new(32);
        float[] update = Update(1);

        int[] first = Unmasked(Job(layout, update));
        int[] second = Unmasked(Job(layout, update) with { NoiseKey = other });
        int[] third = Unmasked(Job(layout, update));

        Assert.Equal(first, third);
        Assert.All(Enumerable.Range(0, 8), i => Assert.NotEqual(first[i], second[i]));
    }

    [Theory]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(32)]
    public void Mask_RoundedVector_IsNeverLongerThanWhatTheNoiseIsFor(int bits)
    {
        // The noise is next to none, and every coordinate is half way between two steps, so that roundings differ most in length.
        RingLayout coarse = Layout(bits, clip: 10.5 * Math.Sqrt(Coordinates), noise: 1e-9, range: (1L << (RingLayout.LargestBits(Ring.OfBits(bits), Silos) - 1)) - 1);
        int plainlyLonger = 0;
        for (byte key = 0; key < 20; key++)
        {
            using SecretBytes coins = new([.. Enumerable.Repeat(key, 32)]);
            MaskingJob job = Job(coarse, Update(10.5 * Math.Sqrt(Coordinates))) with { CoinKey = coins };

            int[] plain = Unmasked(job);

            Assert.InRange(Norm(plain[..^1]), 0, coarse.Sensitivity(0));
            plainlyLonger += Norm(PlainlyRounded(job)) > coarse.Sensitivity(0) ? 1 : 0;
        }

        Assert.InRange(plainlyLonger, bits == 16 ? 0 : 1, 20);
    }

    [Fact]
    public void Mask_ClampedOrNotFinite_NeverFails()
    {
        RingLayout clamped = Layout(32, clip: 10, noise: 1e-6, range: 0.5);
        float[] update = new float[Coordinates];
        (update[1], update[2], update[3]) = (1, -1, 0.25f);

        int[] plain = Unmasked(Job(clamped, update));
        update[7] = float.NaN;
        int[] zero = Unmasked(Job(clamped, update));

        double sigma = clamped.SigmaLocal(0);
        Assert.InRange(plain[1], clamped.Limit - (8 * sigma), clamped.Limit + (8 * sigma));
        Assert.InRange(plain[2], -clamped.Limit - (8 * sigma), -clamped.Limit + (8 * sigma));
        Assert.All(zero[..^1], value => Assert.InRange(Math.Abs(value), 0, 8 * sigma));
    }

    [Fact]
    public void Mask_SumOfRecords_IsTakenAsItIs_AndClamped()
    {
        RingLayout layout = Layout(32, clip: 1, noise: 1e-9);
        int[] sum = new int[Coordinates];
        (sum[0], sum[1], sum[2], sum[3]) = (5, -7, int.MaxValue, int.MinValue);

        int[] plain = Unmasked(Job(layout, MemoryMarshal.Cast<int, float>(sum).ToArray()) with { IsSummed = true });

        int limit = (int)layout.Limit;
        double sigma = layout.SigmaLocal(0);
        Assert.All(((int[])[5, -7, limit, -limit, 0]).Zip(plain), pair => Assert.InRange(Math.Abs((long)pair.First - pair.Second), 0, 8 * Math.Max(1, sigma)));
    }

    [Fact]
    public void Mask_NoiseWithoutKey_OrKeyWithoutNoise_OrRecordsWithoutNoise_IsRefused()
    {
        RingLayout noised = Layout(32, clip: 1, noise: 2);
        RingLayout plain = Layout(32, clip: 1, noise: 0);

        Assert.All(
            [Job(noised, Update(1)) with { NoiseKey = null }, Job(plain, Update(1)), Job(plain, Update(1)) with { NoiseKey = null, IsSummed = true }, Job(Layout(16, clip: 1, noise: 2), Update(1)) with { IsSummed = true }],
            job => Assert.Equal(ErrorCodes.SecaggParametersInvalid, Assert.Throws<FedCloudException>(() => UpdateMasker.Mask(job, CancellationToken.None)).Code));
    }

    private static double Norm(int[] values) => Math.Sqrt(values.Sum(value => (double)value * value));

    private static float[] Update(double norm) => [.. Enumerable.Range(0, Coordinates).Select(i => (float)(norm / Math.Sqrt(Coordinates) * (i % 2 == 0 ? 1 : -1)))];

    private static int[] PlainlyRounded(MaskingJob job)
    {
        using UpdateQuantizer quantizer = new(job.Layout, job.CoinKey.Span);
        byte[] words = new byte[Coordinates * job.Layout.Ring.WordBytes];
        quantizer.Quantize(0, 0, Update(10.5 * Math.Sqrt(Coordinates)), 1, words);
        int[] values = new int[Coordinates];
        RingWords.Unpack(job.Layout.Ring, words, values);
        return values;
    }

    private static RingLayout Layout(int bits, double clip, double noise, double? range = null)
    {
        Ring ring = Ring.OfBits(bits);
        long length = bits == 16 ? HadamardRotation.PaddedLength(Coordinates) : Coordinates;
        RingSegment model = new() { Name = RingSegment.Model, Length = length, Clip = clip, Range = range ?? clip, Weighted = false, NoiseMultiplier = noise };
        RingSegment[] segments = [model];
        return RingLayout.Create(ring, RingLayout.LargestBits(ring, Silos, segments), Silos, segments, rotated: bits == 16);
    }

    private MaskingJob Job(RingLayout layout, float[] update)
    {
        TestFederation federation = new(Silos);
        string path = Path.Combine(_folder, "update.safetensors");
        File.WriteAllBytes(path, MemoryMarshal.AsBytes(update.AsSpan()));
        return new MaskingJob
        {
            Scope = federation.Scope(layout.D, layout.Ring),
            Layout = layout,
            Secrets = federation.Secrets[1],
            UpdatePath = path,
            HeaderBytes = 0,
            Coordinates = update.Length,
            Weight = layout.Limit,
            CoinKey = _coins,
            NoiseKey = _noise,
            Folder = Directory.CreateDirectory(Path.Combine(_folder, $"{_jobs++}")).FullName,
        };
    }

    // Without its masks, the vector as the ring sees it.
    private static int[] Unmasked(MaskingJob job)
    {
        byte[] words = File.ReadAllBytes(UpdateMasker.Mask(job, CancellationToken.None).Path);
        using RoundMasks masks = RoundMasks.OfSilo(job.Scope, job.Secrets);
        byte[] zeros = new byte[words.Length];
        masks.Apply(zeros, 0);
        RingWords.Subtract(job.Scope.Ring, words, zeros);
        int[] values = new int[job.Scope.D];
        RingWords.Unpack(job.Scope.Ring, words, values);
        return values;
    }
}
