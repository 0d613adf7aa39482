// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Benchmarks;

/// <summary>LoRA training, tokens a second and memory: our engine with each kernel on one and two threads, and PyTorch where it is installed. All take their steps in turn.</summary>
internal static class TrainingSpeed
{
    private const int Rounds = 15;
    private const int RoundsOfPortable = 3;

    // OpenMP's threads look for work for a while after a step, and would take the cores from the next entrant.
    private const int PauseMilliseconds = 50;
    private const double GradientTolerance = 1e-4;

    public static async Task<int> RunAsync(params IReadOnlyList<int> lengths)
    {
        foreach (int length in lengths)
        {
            await RunAsync(length);
        }

        return 0;
    }

    private static async Task RunAsync(int length)
    {
        Console.WriteLine($"{TrainingModel.Sequences(length)} sequences of {length} tokens");
        string folder = Directory.CreateTempSubdirectory("training").FullName;
        List<Entrant> entrants = [];
        try
        {
            TrainingModel.Write(folder, length);
            foreach (VectorWidth width in VectorWidth.All)
            {
                for (int threads = 2; threads >= 1; threads--)
                {
                    entrants.Add(await Entrant.StartAsync($"{width.Name}, {Count(threads)}", width.Start(["training", folder, threads.ToString(CultureInfo.InvariantCulture), length.ToString(CultureInfo.InvariantCulture)], input: true)));
                    await AddTorchAsync(entrants, width, folder, threads, length);
                }
            }

            RequireAgreement(folder, entrants);
            Race(entrants);
            Print(entrants);
        }
        finally
        {
            entrants.ForEach(entrant => entrant.Dispose());
            Directory.Delete(folder, recursive: true);
        }
    }

    // With the kernels that OpenBLAS chooses, and with those for AVX-512, which it does not choose on some processors newer than itself;
    // as a model is usually written, and as fast as we could write it.
    private static async Task AddTorchAsync(List<Entrant> entrants, VectorWidth width, string folder, int threads, int length)
    {
        if (width == VectorWidth.All[^1] && VectorWidth.All.Count > 1)
        {
            return;
        }

        bool widest = width.Off is null && VectorWidth.All.Count == 3;
        foreach (string form in new[] { "usual", "tuned" })
        {
            string name = $"PyTorch, {form}, {(widest ? "OpenBLAS for AVX-512" : "OpenBLAS as it chooses")}, {Count(threads)}";
            if (Torch.TryStart(folder, threads, length, form, widest) is { } process)
            {
                entrants.Add(await Entrant.StartAsync(name, process));
            }
        }
    }

    private static string Count(int threads) => threads == 1 ? "1 thread" : $"{threads} threads";

    // Everybody has to do the same work before it is worth timing.
    private static void RequireAgreement(string folder, List<Entrant> entrants)
    {
        Dictionary<string, float[]> expected = Gradients(folder, entrants[0]);
        double scale = Math.Sqrt(expected.Values.Sum(values => values.Sum(value => (double)value * value)));
        foreach (Entrant entrant in entrants)
        {
            Dictionary<string, float[]> found = Gradients(folder, entrant);
            double difference = Math.Sqrt(expected.Sum(pair => pair.Value.Zip(found[pair.Key], (a, b) => (double)(a - b) * (a - b)).Sum()));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{entrant.Name}: loss {entrant.Loss:F6}, gradients {difference / scale:E1} of their norm away from the first line's"));
            if (Math.Abs(entrant.Loss - entrants[0].Loss) > 1e-5 || !(difference < GradientTolerance * scale))
            {
                throw new InvalidOperationException($"{entrant.Name} computes something else");
            }
        }
    }

    private static Dictionary<string, float[]> Gradients(string folder, Entrant entrant)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, $"gradients-{entrant.ProcessId}.safetensors"), SafetensorsLimits.Foreign);
        return file.Header.Tensors.ToDictionary(tensor => tensor.Name, tensor =>
        {
            float[] values = new float[tensor.Count];
            file.ReadF32(tensor, 0, values);
            return values;
        }, StringComparer.Ordinal);
    }

    private static void Race(List<Entrant> entrants)
    {
        for (int round = 0; round < Rounds; round++)
        {
            foreach (Entrant entrant in entrants.Where(entrant => round < RoundsOfPortable || !entrant.Name.StartsWith("portable", StringComparison.Ordinal)))
            {
                entrant.Step();
                Thread.Sleep(PauseMilliseconds);
            }
        }
    }

    private static void Print(List<Entrant> entrants)
    {
        double first = entrants[0].Median;
        Console.WriteLine("| engine | median, tokens/s | best, tokens/s | median against the first line | largest working set, MiB |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (Entrant entrant in entrants)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {entrant.Name} | {TrainingModel.Rows / entrant.Median:F0} | {TrainingModel.Rows / entrant.Best:F0} | {first / entrant.Median:F2} | {entrant.PeakMib} |"));
        }

        if (!entrants.Exists(entrant => entrant.Name.StartsWith("PyTorch", StringComparison.Ordinal)))
        {
            Console.WriteLine("PyTorch with OpenBLAS (python3-torch, libopenblas0-openmp) is not installed for /usr/bin/python3, so nothing is compared with it.");
        }
    }
}
