// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Safetensors;
using FedCloud.Trainer.Tests;
using FedCloud.Training.Jobs;

namespace FedCloud.TorchTrainer.Tests.Jobs;

/// <summary>Runs of the trainers on one job.</summary>
internal static class TorchRun
{
    private static readonly Dictionary<string, string> NoEnvironment = new(StringComparer.Ordinal);

    /// <summary>The trainer on libtorch, as a process of its own.</summary>
    public static TrainerRun Of(SampleJob job, string? program = null, Predicate<string>? stop = null) =>
        TrainerRun.Start([TrainerRun.Host, Path.Combine(program ?? AppContext.BaseDirectory, "fedcloud-trainer-torch.dll"), "run", job.Write()], NoEnvironment, stop);

    /// <summary>The managed engine's update.</summary>
    public static Dictionary<string, float[]> Managed(SampleJob job)
    {
        new JobRunner(job.Write(), _ => { }, TimeProvider.System).Run();
        return Update(job);
    }

    /// <summary>The update that a job left; ring units as numbers.</summary>
    public static Dictionary<string, float[]> Update(SampleJob job)
    {
        using SafetensorsFile file = SafetensorsFile.Open(job.UpdateFile, SafetensorsLimits.Foreign);
        Dictionary<string, float[]> update = new(StringComparer.Ordinal);
        foreach (TensorEntry tensor in file.Header.Tensors)
        {
            byte[] bytes = new byte[tensor.ByteLength];
            file.ReadRaw(tensor, 0, bytes);
            update.Add(tensor.Name, [.. Enumerable.Range(0, bytes.Length / 4).Select(i => tensor.Type == TensorType.I32 ? BitConverter.ToInt32(bytes, 4 * i) : BitConverter.ToSingle(bytes, 4 * i))]);
        }

        return update;
    }

    /// <summary>How far two updates are from each other, over the length of the first.</summary>
    public static double Distance(IReadOnlyDictionary<string, float[]> expected, IReadOnlyDictionary<string, float[]> found)
    {
        Assert.Equal(expected.Keys, found.Keys);
        double squares = expected.Sum(one => one.Value.Zip(found[one.Key], (e, f) => ((double)e - f) * ((double)e - f)).Sum());
        return Math.Sqrt(squares / expected.Values.Sum(values => values.Sum(value => (double)value * value)));
    }
}
