// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Jobs;

/// <summary>What happens where a job's device is not there: the processor computes if the plan allows it, and that is said; else nothing does.</summary>
public static class DeviceFallback
{
    /// <summary>Goes on with the processor, or not at all.</summary>
    /// <param name="job">The job.</param>
    /// <param name="report">Takes the event <c>fallback</c>.</param>
    /// <param name="reason">What was expected and found.</param>
    /// <param name="nextStep">What to do about it.</param>
    /// <exception cref="FedCloudException"><c>device_unavailable</c>.</exception>
    public static void Require(TrainingJob job, Action<JobProgress> report, string reason, string nextStep)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(report);
        if (!job.CpuFallback)
        {
            throw new FedCloudException(ErrorCodes.DeviceUnavailable, reason, nextStep);
        }

        report(new JobProgress { Event = "fallback", Message = $"{reason}; the plan allows the processor, which computes now" });
    }
}
