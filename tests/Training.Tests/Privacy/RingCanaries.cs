// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Privacy;

/// <summary>Rounds of noise on the ring without a model: canaries whose gradients have no coordinate in common, through the trainer's clipping, rounding and sum, and the agents' noise.</summary>
/// <remarks>Every canary that is in enters every round. Of three silos two shares of noise count; the sum has those two and no more, as colluders see it who subtract their own.</remarks>
internal sealed class RingCanaries(int canaries)
{
    private const double Clip = 0.7;
    private const int Together = 64;
    private const int Silos = 3;

    private readonly int _d = 2 * canaries;

    public required int RingBits { get; init; }

    /// <summary>z, of the noise that is added.</summary>
    public required double NoiseMultiplier { get; init; }

    /// <summary>By how much clipping is looser than what noise is made for; 1 is right.</summary>
    public double Loosened { get; init; } = 1;

    public CanaryScores Run(int rounds, int key)
    {
        RingLayout layout = Layout();
        using RandomBits coins = new(PrivateTask.Source(key + 1));
        bool[] members = [.. Enumerable.Range(0, canaries).Select(_ => coins.NextBit())];
        int[] trained = [.. Enumerable.Range(0, canaries).Where(i => members[i])];
        double c = layout.Scale(0) * layout.Segments[0].Clip;
        double[] scores = new double[canaries];
        int[] sum = new int[_d];
        for (int round = 0; round < rounds; round++)
        {
            using RoundedSum rounded = new(ClippingMode.Flat, Clip, c * Loosened, [canaries, canaries], Together, canaries, threads: 1, Key(key, round, 0));
            foreach (int[] some in trained.Chunk(Together))
            {
                Add(rounded, some);
            }

            rounded.Clamp(layout.Limit, sum);
            AddNoise(layout, sum, key, round);
            for (int i = 0; i < canaries; i++)
            {
                // The update goes against the gradient.
                double along = -((double)sum[i] + sum[i + canaries]) / (Math.Sqrt(2) * c);
                scores[i] += along - 0.5;
            }
        }

        return new CanaryScores(members, scores);
    }

    private static byte[] Key(int key, int round, byte use)
    {
        byte[] bytes = new byte[32];
        (bytes[0], bytes[1]) = (use, 1);
        BitConverter.TryWriteBytes(bytes.AsSpan(8), key);
        BitConverter.TryWriteBytes(bytes.AsSpan(16), round);
        return bytes;
    }

    private static void AddNoise(RingLayout layout, int[] sum, int key, int round)
    {
        byte[] words = new byte[sum.Length * layout.Ring.WordBytes];
        RingWords.Pack(layout.Ring, sum, words);
        for (byte share = 1; share <= layout.NoiseShares; share++)
        {
            using RingNoise noise = new(layout, 0, Key(key, round, share));
            noise.AddTo(words);
        }

        RingWords.Unpack(layout.Ring, words, sum);
    }

    private RingLayout Layout()
    {
        Ring ring = Ring.OfBits(RingBits);
        RingSegment[] segments = [new() { Name = RingSegment.Model, Length = _d, Clip = 1, Range = canaries, Weighted = false, NoiseMultiplier = NoiseMultiplier, MaxRecords = canaries }];
        return RingLayout.Create(ring, RingLayout.LargestBits(ring, Silos, segments), Silos, segments);
    }

    private unsafe void Add(RoundedSum sum, int[] entered)
    {
        float[] gradients = new float[entered.Length * _d]; // (units, d)
        for (int row = 0; row < entered.Length; row++)
        {
            gradients[(row * _d) + entered[row]] = gradients[(row * _d) + canaries + entered[row]] = (float)(3 * Clip / Math.Sqrt(2));
        }

        fixed (float* first = gradients)
        {
            sum.Add(first, entered);
        }
    }
}
