// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;
using FedCloud.Training.Privacy;

namespace FedCloud.Benchmarks;

/// <summary>What privacy costs a step: gradients of examples, clipping and the sum on the grid beside a plain step on the same examples, and the noise by itself.</summary>
internal static class PrivateStepCost
{
    private const int Rounds = 15;
    private const int WarmUps = 3;
    private const int NoiseRounds = 5;

    public static int Run()
    {
        string folder = Directory.CreateTempSubdirectory("private-step").FullName;
        try
        {
            TrainingModel.Write(folder);
            Console.WriteLine("| model | trains | threads | d | plain, ms | clipped, ms | ratio | ratio of the best | exact noise, ms | rounded noise, ms |");
            Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
            foreach (int threads in (int[])[1, 2])
            {
                foreach (ExchangedFactor factors in (ExchangedFactor[])[ExchangedFactor.B, ExchangedFactor.Both])
                {
                    Measure("sample", Sample, 8, 128, factors, threads);
                    Measure("10 million", _ => TrainingModel.Load(folder, threads), TrainingModel.Sequences(), TrainingModel.Length, factors, threads);
                }
            }

            MeasureLargeNoise();
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // What does not depend on a model: the noise of as many coordinates as an adapter of a large one has.
    private static void MeasureLargeNoise()
    {
        const int Coordinates = 10_000_000;
        Console.WriteLine();
        Console.WriteLine("| d | threads | exact noise, s | rounded noise, s |");
        Console.WriteLine("| --- | --- | --- | --- |");
        foreach (int threads in (int[])[1, 2])
        {
            using StepRandomness random = StepRandomness.Secret(threads);
            GridNoisePlan plan = new(1, 0.1, Coordinates);
            using NoiseShares exact = new(plan, NoiseProfile.Exact, random.Noise);
            using NoiseShares rounded = new(plan, NoiseProfile.Rounded, random.Noise);
            long[] sums = new long[Coordinates];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {Coordinates:N0} | {threads} | {Median(() => exact.AddTo(sums)):F2} | {Median(() => rounded.AddTo(sums)):F2} |"));
        }
    }

    // The sample's base model with the adapter of samples/demo.yaml.
    private static DecoderModel Sample(int threads)
    {
        const int Rank = 16;
        string folder = Path.Combine(TokenizerSpeed.Root(), "samples", "base");
        ModelConfig config = ModelConfig.Read(Path.Combine(folder, "config.json"));
        using BaseWeights weights = BaseWeights.Open(folder);
        AdapterLayout layout = AdapterLayout.Of(weights.Tensors, TrainingModel.Targets, new LoraForm(Rank, 2 * Rank));
        DecoderModel model = DecoderModel.Load(config, weights, layout, 8 * 128, 128, threads);
        Random random = new(3);
        foreach (LoraFactors adapter in model.Linears.Select(linear => linear.Adapter).OfType<LoraFactors>())
        {
            foreach (Parameter factor in (Parameter[])[adapter.A, adapter.B])
            {
                foreach (ref float value in factor.Value.Span)
                {
                    value = (float)((random.NextDouble() - 0.5) * 0.1);
                }
            }
        }

        return model;
    }

    private static void Measure(string name, Func<int, DecoderModel> load, int sequences, int length, ExchangedFactor factors, int threads)
    {
        using DecoderModel plain = load(threads);
        using DecoderModel clipped = load(threads);
        plain.TrainAdapter(factors);
        clipped.TrainAdapter(factors);
        Random random = new(2);
        Example[] examples = [.. Enumerable.Range(0, sequences).Select(_ => new Example([.. Enumerable.Range(0, length + 1).Select(_ => random.Next(plain.Config.Vocabulary))], 1))];
        Batch batch = Batch.Of(examples);
        using PrivateGradient exact = Private(clipped, examples, "exact", threads);
        void PlainStep()
        {
            plain.ZeroGradients();
            plain.Forward(batch.Tokens, batch.B, batch.T);
            plain.Loss(batch.Targets, 1f / batch.Counted);
            plain.Backward();
        }

        void ClippedStep()
        {
            exact.AddUnits();
            exact.Write();
        }

        (double plainSeconds, double clippedSeconds, double bestRatio) = InTurn(PlainStep, ClippedStep);
        double exactSeconds = Median(exact.AddNoise);
        exact.Dispose();
        using PrivateGradient rounded = Private(clipped, examples, "rounded", threads);
        double roundedSeconds = Median(rounded.AddNoise);
        int d = rounded.NoisedSum.Length;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {(factors == ExchangedFactor.B ? "B" : "A and B")} | {threads} | {d:N0} | {plainSeconds * 1e3:F1} | {clippedSeconds * 1e3:F1} | {clippedSeconds / plainSeconds:F3} | {bestRatio:F3} | {exactSeconds * 1e3:F1} ({exactSeconds / d * 1e9:F0} ns each) | {roundedSeconds * 1e3:F1} ({roundedSeconds / d * 1e9:F0} ns each) |"));
    }

    private static PrivateGradient Private(DecoderModel model, Example[] examples, string noise, int threads) => new(
        model,
        new ExampleFile(examples, 0),
        new JobPrivacy { Unit = "record", SamplingRate = 1, ExpectedBatch = examples.Length, NoiseMultiplier = 1, ExampleClip = 0.1, Clipping = "flat", Noise = noise },
        examples.Length,
        threads);

    // Both sides in every round, so that what else the machine does meets both.
    private static (double First, double Second, double RatioOfBest) InTurn(Action first, Action second)
    {
        List<double> firsts = [];
        List<double> seconds = [];
        for (int round = -WarmUps; round < Rounds; round++)
        {
            (double a, double b) = (Seconds(first), Seconds(second));
            if (round >= 0)
            {
                firsts.Add(a);
                seconds.Add(b);
            }
        }

        return (firsts.Order().ElementAt(Rounds / 2), seconds.Order().ElementAt(Rounds / 2), seconds.Min() / firsts.Min());
    }

    private static double Median(Action work)
    {
        work();
        return Enumerable.Range(0, NoiseRounds).Select(_ => Seconds(work)).Order().ElementAt(NoiseRounds / 2);
    }

    private static double Seconds(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
