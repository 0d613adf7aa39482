// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.SiloAgent.Runs;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>What goes wrong with one job.</summary>
internal enum JobFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The trainer says why it failed.</summary>
    Fails,

    /// <summary>The trainer is killed.</summary>
    Killed,

    /// <summary>The update holds a NaN.</summary>
    NotANumber,

    /// <summary>The update has another header than the round exchanges.</summary>
    Garbage,

    /// <summary>The job needs more memory than the silo allows.</summary>
    TooLarge,
}

/// <summary>A trainer by the job format whose updates follow from silo, round and start model, so that anybody can say what they must be.</summary>
/// <param name="silo">The silo.</param>
/// <param name="next">Says what goes wrong with the next job.</param>
internal sealed class InventedTrainer(SiloId silo, Func<JobFault> next) : ITrainer
{
    /// <summary>The values of a tensor in an update.</summary>
    public static float[] Values(SiloId silo, int round, Sha256Digest model, string tensor, long count)
    {
        float[] values = new float[count];
        for (int i = 0; i < values.Length; i++)
        {
            byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{silo}/{round}/{model.Hex}/{tensor}/{i}"));
            values[i] = BinaryPrimitives.ReadInt16LittleEndian(hash) / 4096f;
        }

        return values;
    }

    /// <summary>The whole ring units of a tensor in the update of a job that rounds records to the ring.</summary>
    public static int[] Units(SiloId silo, int round, Sha256Digest model, string tensor, long count) =>
        [.. Values(silo, round, model, tensor, count).Select(value => (int)(value * 4096))];

    public Task<TrainerOutcome> RunAsync(string jobFolder, Action<JsonElement> report, CancellationToken cancellation)
    {
        JobFault fault = next();
        if (fault is JobFault.Fails or JobFault.Killed or JobFault.TooLarge)
        {
            // No trainer leaves half an update; if one did, nobody may take it for a whole one.
            File.WriteAllText(Path.Combine(jobFolder, "update.safetensors"), "half an update");
            ErrorCode code = fault == JobFault.TooLarge ? ErrorCodes.MemoryExceeded : ErrorCodes.LossNotFinite;
            return Task.FromResult(new TrainerOutcome(false, code.Name, fault == JobFault.Killed));
        }

        using JsonDocument job = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(jobFolder, "job.json")));
        string Text(string member) => job.RootElement.GetProperty(member).GetString() ?? string.Empty;
        if (Text("mode") is "train")
        {
            int rank = job.RootElement.GetProperty("rank").GetInt32();
            ExchangedFactor exchanged = ExchangedFactorExtensions.FromWire(Text("exchanged")) ?? throw new InvalidOperationException("unknown factors");
            string[] modules = [.. job.RootElement.GetProperty("target_modules").EnumerateArray().Select(module => module.GetString() ?? string.Empty)];
            using SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(Text("base_model_dir"), "model.safetensors"), SafetensorsLimits.BaseModel);
            AdapterLayout layout = new(LinearShape.Select(weights.Header.Tensors, modules, rank), rank);
            Sha256Digest model = Sha256Digest.Of(File.ReadAllBytes(Text("adapter_file")));
            TensorType type = job.RootElement.TryGetProperty("ring", out _) ? TensorType.I32 : TensorType.F32;
            Write(Path.Combine(jobFolder, "update.safetensors"), layout.UpdateTensors(exchanged, type), job.RootElement.GetProperty("round").GetInt32(), model, fault);
        }

        File.WriteAllText(Path.Combine(jobFolder, "metrics.json"), "{\"eval_loss_before\":1.5}");
        return Task.FromResult(new TrainerOutcome(true, string.Empty, Killed: false));
    }

    private void Write(string path, IEnumerable<TensorEntry> tensors, int round, Sha256Digest model, JobFault fault)
    {
        TensorEntry[] entries = [.. fault == JobFault.Garbage ? tensors.Reverse() : tensors];
        SafetensorsWriter.WriteFile(path, entries, metadata: null, (entry, stream) =>
        {
            if (entry.Type == TensorType.I32)
            {
                stream.Write(MemoryMarshal.AsBytes<int>(Units(silo, round, model, entry.Name, entry.Count)));
                return;
            }

            float[] values = Values(silo, round, model, entry.Name, entry.Count);
            values[0] = fault == JobFault.NotANumber ? float.NaN : values[0];
            stream.Write(MemoryMarshal.AsBytes<float>(values));
        });
    }
}
