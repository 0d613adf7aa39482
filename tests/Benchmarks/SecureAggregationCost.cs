// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Benchmarks;

/// <summary>Secure aggregation of 10 million parameters from 10 silos, on one core: a silo's work, the coordinator's, and the mask generator by itself.</summary>
internal static class SecureAggregationCost
{
    private const int Silos = 10;
    private const int Parameters = 10_000_000;
    private const int Repeats = 7;
    private const int ChunkWords = RoundAggregate.DefaultRange;

    public static int Run()
    {
        Console.WriteLine(AesCtrKeystream.HasInstructions ? "AES by processor instructions" : "AES by the platform's library");
        Console.WriteLine($"best of {Repeats} runs (median)");
        Keystreams();
        using SecureEpoch epoch = SecureEpoch.Open(Silos);
        foreach (Ring ring in (Ring[])[Ring.K32, Ring.K24, Ring.K16])
        {
            using SecureRoundFiles round = new(epoch, ring, Parameters, dropouts: 2, Directory.CreateTempSubdirectory("secagg").FullName);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"k = {ring.Bits}: {round.Layout.D} coordinates, {round.Scope.VectorBytes / 1e6:F1} MB a silo"));
            SiloWork(epoch, round);
            CoordinatorWork(round);
        }

        return 0;
    }

    private static void Keystreams()
    {
        byte[] words = new byte[48 * 1024];
        foreach (Ring ring in (Ring[])[Ring.K32, Ring.K24, Ring.K16])
        {
            foreach (AesPath path in (AesPath[])[AesPath.Automatic, AesPath.Library])
            {
                using AesCtrKeystream stream = new(RandomNumberGenerator.GetBytes(32), path);
                const int Passes = 4000;
                (double best, double median) = Measure(() =>
                {
                    for (int pass = 0; pass < Passes; pass++)
                    {
                        stream.Add(ring, words, (long)pass * (words.Length / ring.WordBytes));
                    }
                });
                double gigabytes = (double)Passes * words.Length / 1e9;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"keystream and addition, k = {ring.Bits}, {path,-30} {gigabytes / best:F2} GB/s ({gigabytes / median:F2})"));
            }
        }
    }

    private static void SiloWork(SecureEpoch epoch, SecureRoundFiles round)
    {
        float[] update = new float[Parameters];
        Random random = new(1);
        foreach (ref float value in update.AsSpan())
        {
            value = (float)(random.NextDouble() - 0.5) / 2000;
        }

        byte[] vector = new byte[round.Scope.VectorBytes];
        void Quantised() => Quantise(round.Scope, round.Layout, update, vector);
        void Masked()
        {
            using RoundMasks masks = RoundMasks.OfSilo(round.Scope, epoch.Secrets[1]);
            masks.Apply(vector, 0);
        }

        Print("  silo: clip, round, pack, mask", Measure(() =>
        {
            Quantised();
            Masked();
        }));
        Print("    of it clip, round, pack", Measure(Quantised));
        Print("    of it keys and masks", Measure(Masked));
        Print("  silo: digest of the vector", Measure(() => SHA256.HashData(vector)));
    }

    private static void Quantise(RoundScope scope, RingLayout layout, float[] update, byte[] vector)
    {
        SquaredNorm norm = new();
        norm.Add(update);
        double factor = UpdateQuantizer.Factor(norm.Norm, layout.Segments[0].Clip);
        using UpdateQuantizer quantizer = new(layout, RandomNumberGenerator.GetBytes(32));
        int wordBytes = layout.Ring.WordBytes;
        if (layout.Rotated)
        {
            Rotated(scope, layout, update, factor, quantizer, vector);
        }
        else
        {
            quantizer.Quantize(0, 0, update, factor, vector.AsSpan(0, update.Length * wordBytes));
        }

        quantizer.RequireClampLimit(0);
        RingWords.Write(layout.Ring, vector, (int)layout.D - 1, DeclaredWeight.Quantize(1, 1, layout));
    }

    private static void Rotated(RoundScope scope, RingLayout layout, float[] update, double factor, UpdateQuantizer quantizer, byte[] vector)
    {
        using HadamardRotation rotation = new(scope.Rid);
        double[] block = new double[HadamardRotation.MaxBlock];
        foreach ((long first, int length) in HadamardRotation.Blocks(layout.Segments[0].Length))
        {
            Span<double> values = block.AsSpan(0, length);
            values.Clear();
            for (int i = 0; i < Math.Min(length, update.Length - first); i++)
            {
                values[i] = update[first + i];
            }

            rotation.Forward(values, first);
            quantizer.Quantize(0, first, values, factor, vector.AsSpan((int)first * layout.Ring.WordBytes, length * layout.Ring.WordBytes));
        }
    }

    // Silos 9 and 10 dropped out.
    private static void CoordinatorWork(SecureRoundFiles round)
    {
        byte[] vector = File.ReadAllBytes(round.Store.PathOf(round.Vectors[1]));
        Print("  coordinator: verify shares, put 10 secrets together", Measure(() => round.Recover().Dispose()));
        using RevealedSecrets secrets = round.Recover();
        Print("  coordinator: sum of 8 vectors in memory, unmasking", Measure(() => Sum(round, secrets, vector)));
        Print("  coordinator: the same from files to z, and to the mean", Measure(() => round.SumAsync(secrets, workers: 1).GetAwaiter().GetResult()));
        Print("    of it from z to the mean: checks, digest, norm", Measure(() => Opening(round)));
        Print("  auditor: vectors with their digests to z", Measure(() => RoundAggregate.Compute(round.Scope, round.Agreement, secrets, round.Open(), Stream.Null)));
    }

    private static void Opening(SecureRoundFiles round)
    {
        using FileStream z = File.OpenRead(round.ZPath);
        SumOpening.Open(round.Terms, round.Scope.Rid, round.Vectors.Count, z, Stream.Null);
    }

    // One vector stands for all, so that this takes one vector's memory.
    private static void Sum(SecureRoundFiles round, RevealedSecrets secrets, byte[] vector)
    {
        RoundScope scope = round.Scope;
        using RoundMasks masks = RoundMasks.OfSum(scope, round.Agreement, secrets);
        RingSum sum = new(scope.Ring, ChunkWords);
        for (long first = 0; first < scope.D; first += ChunkWords)
        {
            int words = (int)Math.Min(ChunkWords, scope.D - first);
            sum.Begin(first, words);
            foreach (int _ in round.Vectors.Keys)
            {
                sum.Add(vector.AsSpan((int)first * scope.Ring.WordBytes, words * scope.Ring.WordBytes));
            }

            sum.Unmask(masks);
        }
    }

    // The machine may be doing other things too: the best run is what the code takes.
    private static (double Best, double Median) Measure(Action work)
    {
        work();
        double[] seconds = new double[Repeats];
        for (int i = 0; i < Repeats; i++)
        {
            Stopwatch watch = Stopwatch.StartNew();
            work();
            seconds[i] = watch.Elapsed.TotalSeconds;
        }

        Array.Sort(seconds);
        return (seconds[0], seconds[Repeats / 2]);
    }

    private static void Print(string what, (double Best, double Median) seconds) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-62} {seconds.Best:F3} s ({seconds.Median:F3})"));
}
