// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;

namespace FedCloud.Benchmarks;

/// <summary>Our engine in the training benchmark: prints its loss and leaves its gradients, then takes a step for every line that comes in, and prints its seconds.</summary>
internal static class TrainingParticipant
{
    private const int WarmUps = 3;

    public static int Run(string folder, int threads, int length)
    {
        using DecoderModel model = TrainingModel.Load(folder, threads, length);
        model.TrainAdapter(ExchangedFactor.Both);
        (int[] tokens, int[] targets) = TrainingModel.Batch(folder, length);
        double Step()
        {
            model.ZeroGradients();
            model.Forward(tokens, TrainingModel.Sequences(length), length);
            double sum = model.Loss(targets, 1f / TrainingModel.Rows);
            model.Backward();
            return sum / TrainingModel.Rows;
        }

        double loss = Step();
        WriteGradients(Path.Combine(folder, $"gradients-{Environment.ProcessId}.safetensors"), model);
        for (int i = 0; i < WarmUps; i++)
        {
            Step();
        }

        Console.WriteLine(loss.ToString("R", CultureInfo.InvariantCulture));
        while (Console.ReadLine() is not null)
        {
            long start = Stopwatch.GetTimestamp();
            Step();
            Console.WriteLine(Stopwatch.GetElapsedTime(start).TotalSeconds.ToString("R", CultureInfo.InvariantCulture));
        }

        return 0;
    }

    private static void WriteGradients(string path, DecoderModel model)
    {
        Dictionary<string, Parameter> trained = model.Trained.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        TensorEntry[] entries = [.. trained.Values.Select(parameter => TensorEntry.Of(parameter.Name, TensorType.F32, parameter.Value.Rows, parameter.Value.Columns))];
        SafetensorsWriter.WriteFile(path, entries, null, (entry, stream) =>
        {
            if (trained[entry.Name].Gradient is { } gradient)
            {
                stream.Write(MemoryMarshal.AsBytes(gradient.Span));
            }
        });
    }
}
