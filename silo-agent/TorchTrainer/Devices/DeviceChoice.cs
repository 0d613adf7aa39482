// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
using FedCloud.Training.Jobs;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Devices;

/// <summary>Which device a job gets.</summary>
internal static class DeviceChoice
{
    private static readonly JobDevice Processor = new(IsCuda: false, 0);
    private static readonly JobDevice FirstCuda = new(IsCuda: true, 0);

    /// <summary>The device that the job names, the first CUDA device where it names none, or the processor where the plan allows it in their place.</summary>
    /// <param name="job">The job.</param>
    /// <param name="report">Takes the event <c>fallback</c>.</param>
    /// <exception cref="FedCloudException"><c>package_not_restored</c> or <c>device_unavailable</c>.</exception>
    public static JobDevice Of(TrainingJob job, Action<JobProgress> report)
    {
        _ = TorchLibrary.Require();
        JobDevice wanted = job.Device is { } name ? JobDevice.Parse(name) ?? FirstCuda : FirstCuda;
        return Of(job, report, wanted, wanted.IsCuda ? WhyNot(wanted) : null);
    }

    /// <summary>The same where it is known why the device is not there; null when it is.</summary>
    internal static JobDevice Of(TrainingJob job, Action<JobProgress> report, JobDevice wanted, (string Found, string NextStep)? missing)
    {
        if (missing is not { } reason)
        {
            return wanted;
        }

        DeviceFallback.Require(job, report, $"expected {wanted}, found {reason.Found}", reason.NextStep);
        return Processor;
    }

    private static (string Found, string NextStep)? WhyNot(JobDevice wanted)
    {
        if (!TorchLibrary.HasCuda)
        {
            return ("a libtorch for processors only", "publish the trainer with CUDA (-p:Torch=cuda), set the agent's device to cpu, or allow training.cpu_fallback in the plan");
        }

        int count = cuda.is_available() ? cuda.device_count() : 0;
        return wanted.Index < count
            ? null
            : (count == 0 ? "no CUDA device" : $"{count} CUDA devices", "look at nvidia-smi for driver and devices, set the agent's device to one that is there, or allow training.cpu_fallback in the plan");
    }
}
