// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Jobs;

/// <summary>The time that a job has.</summary>
/// <param name="time">The clock.</param>
/// <param name="deadline">When the job must be over, in Unix seconds.</param>
internal sealed class JobClock(TimeProvider time, long deadline)
{
    /// <summary>A moment to measure from.</summary>
    public long Timestamp() => time.GetTimestamp();

    /// <summary>Seconds since a moment.</summary>
    public double SecondsSince(long timestamp) => time.GetElapsedTime(timestamp).TotalSeconds;

    /// <summary>Stops a job whose remaining work does not fit before the deadline.</summary>
    /// <param name="seconds">The least that the remaining work takes.</param>
    /// <param name="where">Where the job is.</param>
    /// <exception cref="FedCloudException"><c>trainer_deadline</c>.</exception>
    public void Require(double seconds, string where)
    {
        double left = deadline - (time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds;
        if (left <= seconds)
        {
            throw new FedCloudException(ErrorCodes.TrainerDeadline, $"expected at least {seconds:F0} s to the deadline {where}, found {Math.Max(0, left):F0} s");
        }
    }
}
