// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using FedCloud.Training.Kernels;

namespace FedCloud.Benchmarks;

/// <summary>The matrix product's GFLOP/s with each kernel, and OpenBLAS beside it where the system has it.</summary>
internal static class GemmSpeed
{
    private const int Rounds = 7;
    private const double LeastSeconds = 0.02;

    // OpenMP's threads look for work for a while after a product, and would take the cores from ours.
    private const int PauseMilliseconds = 20;

    /// <summary>All kernels, each in a process of its own.</summary>
    public static async Task<int> RunAsync()
    {
        Dictionary<string, string[]> columns = new(StringComparer.Ordinal);
        foreach (VectorWidth width in VectorWidth.All)
        {
            using Process process = width.Start(["gemm", "one"]);
            string[] lines = (await process.StandardOutput.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            await process.WaitForExitAsync();
            if (process.ExitCode != 0)
            {
                return process.ExitCode;
            }

            columns[width.Name] = [.. lines[1..].Select(line => line.Split(' ')[0])];
            if (!columns.ContainsKey(lines[0]))
            {
                columns[lines[0]] = [.. lines[1..].Select(line => line.Split(' ')[1])];
            }
        }

        Console.WriteLine("GFLOP/s, medians of 7 interleaved rounds: 1 thread, 2 threads");
        Console.WriteLine($"| use | m×n×k | {string.Join(" | ", columns.Keys)} |");
        Console.WriteLine($"| --- | --- |{string.Concat(Enumerable.Repeat(" --- |", columns.Count))}");
        for (int i = 0; i < GemmShape.All.Count; i++)
        {
            GemmShape shape = GemmShape.All[i];
            Console.WriteLine($"| {shape.Use} | {shape.Sizes} | {string.Join(" | ", columns.Values.Select(column => $"{column[2 * i]}, {column[(2 * i) + 1]}"))} |");
        }

        return 0;
    }

    /// <summary>This process's kernel: a line for OpenBLAS's, then one per shape and number of threads.</summary>
    public static unsafe int RunOne()
    {
        OpenBlas? peer = OpenBlas.TryLoad();
        Console.WriteLine(peer is null ? "no OpenBLAS" : $"OpenBLAS {peer.Kernel}");
        foreach (GemmShape shape in GemmShape.All)
        {
            using Matrix a = Filled(shape.M, shape.K, 1);
            using Matrix b = Filled(shape.K, shape.N, 2);
            using Matrix c = new(shape.M, shape.N);
            using Matrix theirs = new(shape.M, shape.N);
            for (int threads = 1; threads <= 2; threads++)
            {
                int count = threads;
                void Ours() => Gemm.Multiply(
                    shape.TransposeA, shape.TransposeB, shape.M, shape.N, shape.K, 1, a.P, shape.TransposeA ? shape.M : shape.K, b.P, shape.TransposeB ? shape.K : shape.N, 0, c.P, shape.N, count);
                void Theirs() => peer?.Multiply(shape, a.P, b.P, theirs.P, count);
                (double ours, double other) = Measure(shape, Ours, peer is null ? null : Theirs);
                RequireSame(shape, c, peer is null ? c : theirs);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ours:F0} {(peer is null ? "-" : other.ToString("F0", CultureInfo.InvariantCulture))}"));
            }
        }

        return 0;
    }

    // Ours and theirs in turn, so that a disturbance meets both; the medians.
    private static (double Ours, double Theirs) Measure(GemmShape shape, Action ours, Action? theirs)
    {
        int repeats = Repeats(ours);
        int theirRepeats = theirs is null ? 0 : Repeats(theirs);
        double[] our = new double[Rounds];
        double[] their = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            our[round] = Rate(shape, ours, repeats);
            their[round] = theirs is null ? 0 : Rate(shape, theirs, theirRepeats);
            Thread.Sleep(PauseMilliseconds);
        }

        return (our.Order().ElementAt(Rounds / 2), their.Order().ElementAt(Rounds / 2));
    }

    private static int Repeats(Action multiply)
    {
        multiply();
        Stopwatch watch = Stopwatch.StartNew();
        int count = 0;
        while (watch.Elapsed.TotalSeconds < LeastSeconds)
        {
            multiply();
            count++;
        }

        return count;
    }

    private static double Rate(GemmShape shape, Action multiply, int repeats)
    {
        multiply();
        Stopwatch watch = Stopwatch.StartNew();
        for (int i = 0; i < repeats; i++)
        {
            multiply();
        }

        return shape.Flops * repeats / watch.Elapsed.TotalSeconds / 1e9;
    }

    private static void RequireSame(GemmShape shape, Matrix ours, Matrix theirs)
    {
        double tolerance = 1e-6 * Math.Sqrt(shape.K) * 4;
        for (int i = 0; i < ours.Span.Length; i++)
        {
            if (Math.Abs(ours.Span[i] - theirs.Span[i]) > tolerance)
            {
                throw new InvalidOperationException($"{shape}: {ours.Span[i]} here, {theirs.Span[i]} there");
            }
        }
    }

    private static Matrix Filled(int rows, int columns, int seed)
    {
        Random random = new(seed);
        Matrix matrix = new(rows, columns);
        foreach (ref float value in matrix.Span)
        {
            value = (float)((random.NextDouble() * 2) - 1);
        }

        return matrix;
    }
}
