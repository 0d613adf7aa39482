// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Jobs;
using FedCloud.Training.Kernels;
using FedCloud.Training.Optimization;

namespace FedCloud.Benchmarks;

/// <summary>LoRA steps on a random model of Qwen 2.5 0.5B's shape: their time and the memory of a process of its own, with the base model stored in two bytes and in one.</summary>
internal static class HalfBillion
{
    private const int Rank = 8;
    private const int Length = 256;
    private const int Threads = 2;
    private const int Steps = 2;
    private const double LimitMib = 6 * 1024;

    private static readonly ImmutableArray<string> Targets = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"];

    private static ModelConfig Shape { get; } = new()
    {
        Vocabulary = 151_936,
        Hidden = 896,
        Intermediate = 4864,
        Layers = 24,
        Heads = 14,
        KeyValueHeads = 2,
        HeadWidth = 64,
        Positions = 32_768,
        NormEpsilon = 1e-6f,
        Rope = new RotaryPositions(1_000_000),
        TiedHead = true,
    };

    /// <summary>Writes the model, measures, and deletes it.</summary>
    public static async Task<int> RunAsync()
    {
        string folder = Directory.CreateTempSubdirectory("half-billion").FullName;
        try
        {
            RandomBase.Write(folder, Shape, TensorType.BF16, layersOfAFile: 6);
            Console.WriteLine("| weights | sequences of 256 tokens | s to load | s a step | tokens/s | peak working set, MiB | estimate, MiB | within 6 GiB |");
            Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- |");
            foreach (string storage in (string[])["bf16", "int8"])
            {
                foreach (int batch in (int[])[1, 2, 4])
                {
                    ProcessStartInfo start = new(Environment.ProcessPath ?? "dotnet", ["half-billion", folder, storage, batch.ToString(CultureInfo.InvariantCulture)])
                    {
                        UseShellExecute = false,
                        RedirectStandardOutput = true,
                    };
                    using Process process = Process.Start(start) ?? throw new InvalidOperationException("the benchmark did not start itself");
                    Console.Write(await process.StandardOutput.ReadToEndAsync());
                    await process.WaitForExitAsync();
                }
            }

            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Steps in this process.</summary>
    public static int RunOne(string folder, WeightStorage storage, int batch)
    {
        long began = Stopwatch.GetTimestamp();
        ModelConfig config = ModelConfig.Read(Path.Combine(folder, "config.json"));
        int rows = batch * Length;
        using DecoderModel model = Load(folder, config, rows, storage);
        double loading = Stopwatch.GetElapsedTime(began).TotalSeconds;
        model.TrainAdapter(ExchangedFactor.Both);
        AdamW optimizer = new(model.Trained, new AdamWOptions(0.9, 0.999, 1e-8, 0, 1));
        Random random = new(1);
        int[] tokens = [.. Enumerable.Range(0, rows).Select(_ => random.Next(config.Vocabulary))];
        int[] targets = [.. tokens.Skip(1).Append(0)];
        long start = 0;
        for (int step = 0; step <= Steps; step++)
        {
            start = step == 1 ? Stopwatch.GetTimestamp() : start; // the first step warms up
            model.ZeroGradients();
            model.Forward(tokens, batch, Length);
            model.Loss(targets, 1f / rows);
            model.Backward();
            optimizer.Step(1e-4);
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds / Steps;
        using Process self = Process.GetCurrentProcess();
        double peak = self.PeakWorkingSet64 / 1048576.0;
        long estimate = MemoryEstimate.Of(config, new MemoryDemand(Rank, rows, Length, Threads: Threads, Storage: storage)).TotalMib;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {storage.ToWire()} | {batch} | {loading:F1} | {seconds:F1} | {rows / seconds:F0} | {peak:F0} | {estimate} | {(peak <= LimitMib ? "yes" : "no")} |"));
        return 0;
    }

    private static DecoderModel Load(string folder, ModelConfig config, int rows, WeightStorage storage)
    {
        using BaseWeights weights = BaseWeights.Open(folder);
        AdapterLayout layout = AdapterLayout.Of(weights.Tensors, Targets, new LoraForm(Rank, 2 * Rank));
        DecoderModel model = DecoderModel.Load(config, weights, layout, rows, Length, Threads, storage);
        Random random = new(2);
        foreach (Parameter factor in model.Linears.Select(linear => linear.Adapter).OfType<LoraFactors>().SelectMany(factors => new[] { factors.A, factors.B }))
        {
            foreach (ref float value in factor.Value.Span)
            {
                value = (float)((random.NextDouble() - 0.5) * 0.02);
            }
        }

        return model;
    }
}
