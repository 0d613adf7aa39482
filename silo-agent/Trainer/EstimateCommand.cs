// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Jobs;
using FedCloud.Training.Kernels;

namespace FedCloud.Trainer;

/// <summary>Says how much memory a job takes, part by part, before it is begun. Of the base model only config.json and the headers of the weights are read.</summary>
internal static class EstimateCommand
{
    private const double Mib = 1 << 20;

    private static readonly WeightStorage[] All = [WeightStorage.F32, WeightStorage.BF16, WeightStorage.Int8];

    /// <summary>Prints the parts, their sum and whether it fits, for each storage of the weights.</summary>
    /// <exception cref="FedCloudException">What is wrong with the job or the base model.</exception>
    public static int Run(EstimateOptions options, long availableBytes)
    {
        TrainingJob? job = options.Job is { } folder ? TrainingJob.Read(folder) : null;
        string model = job?.BaseModelDir ?? options.Base;
        ModelConfig config = ModelConfig.Read(Path.Combine(model, "config.json"));
        using (BaseWeights.Open(model))
        {
            // Weights that are missing, or no weights, are said now.
        }

        WeightStorage[] storages = !options.Storages.IsEmpty ? [.. options.Storages] : job?.BaseWeights is { } named ? [WeightStorageExtensions.FromWire(named) ?? WeightStorage.F32] : All;
        (WeightStorage Storage, MemoryEstimate Estimate)[] estimates =
            [.. storages.Select(storage => (storage, MemoryEstimate.Of(config, job is null ? Demand(options, config, storage) : JobMemory.DemandOf(config, job, storage))))];
        long limit = job?.MaxMemoryMib ?? 0;
        Console.WriteLine(options.IsJson ? Json(estimates, limit, availableBytes) : Table(estimates, limit, availableBytes));
        return (int)ExitCode.Done;
    }

    private static MemoryDemand Demand(EstimateOptions options, ModelConfig config, WeightStorage storage)
    {
        int length = options.LengthFor(config.Positions);
        return length <= config.Positions
            ? new MemoryDemand(options.Rank, (long)options.Batch * (length - 1), length, options.IsPrivate ? options.Batch : 0, Environment.ProcessorCount, storage, MemoryDemand.TokenizerFileBytesIn(options.Base))
            : throw new FedCloudException(ErrorCodes.SequenceTooLong, $"expected sequences of at most {config.Positions} tokens, as many as the model has positions, found --length {length}", "name a smaller --length");
    }

    private static bool Fits(MemoryEstimate estimate, long limitMib, long availableBytes) =>
        estimate.TotalMib <= availableBytes >> 20 && (limitMib == 0 || estimate.TotalMib <= limitMib);

    private static string Table((WeightStorage Storage, MemoryEstimate Estimate)[] estimates, long limitMib, long availableBytes)
    {
        StringBuilder text = new();
        void Line(string name, Func<(WeightStorage Storage, MemoryEstimate Estimate), string> cell) =>
            text.Append(name.PadRight(14)).AppendJoin(string.Empty, estimates.Select(one => cell(one).PadLeft(11))).Append('\n');

        Line("MiB", one => one.Storage.ToWire());
        for (int i = 0; i < estimates[0].Estimate.Parts.Length; i++)
        {
            Line(estimates[0].Estimate.Parts[i].Name, one => (one.Estimate.Parts[i].Bytes / Mib).ToString("F1", CultureInfo.InvariantCulture));
        }

        Line("total", one => one.Estimate.TotalMib.ToString(CultureInfo.InvariantCulture));
        Line("fits", one => Fits(one.Estimate, limitMib, availableBytes) ? "yes" : "no");
        string limit = limitMib == 0 ? "no limit by max_memory_mib" : string.Create(CultureInfo.InvariantCulture, $"max_memory_mib {limitMib}");
        return text.Append(CultureInfo.InvariantCulture, $"{limit}; {availableBytes >> 20} MiB are free now").ToString();
    }

    private static string Json((WeightStorage Storage, MemoryEstimate Estimate)[] estimates, long limitMib, long availableBytes)
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WriteNumber("max_memory_mib", limitMib);
            json.WriteNumber("available_mib", availableBytes >> 20);
            json.WriteStartArray("estimates");
            foreach ((WeightStorage storage, MemoryEstimate estimate) in estimates)
            {
                json.WriteStartObject();
                json.WriteString("base_weights", storage.ToWire());
                json.WriteStartObject("bytes");
                foreach (MemoryPart part in estimate.Parts)
                {
                    json.WriteNumber(part.Name, part.Bytes);
                }

                json.WriteEndObject();
                json.WriteNumber("total_mib", estimate.TotalMib);
                json.WriteBoolean("fits", Fits(estimate, limitMib, availableBytes));
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(output.ToArray());
    }
}
