// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Jobs;

/// <summary>The one step of a job with <c>ring</c>. It needs no optimizer and no checkpoint: a job that was killed takes it again.</summary>
/// <param name="job">The job.</param>
/// <param name="ring">Its member.</param>
/// <param name="clock">Its deadline.</param>
/// <param name="report">Takes progress.</param>
internal sealed class RingTraining(TrainingJob job, JobRing ring, JobClock clock, Action<JobProgress> report)
{
    /// <summary>Refuses a training file with more records than the ring has room for.</summary>
    /// <exception cref="FedCloudException"><c>count_invalid</c>.</exception>
    public static void RequireRoom(JobRing? ring, ExampleFile train)
    {
        if (ring is not null && train.Examples.Count > ring.MaxRecords)
        {
            throw new FedCloudException(ErrorCodes.CountInvalid, $"expected at most {ring.MaxRecords} training examples, found {train.Examples.Count}", "give the trainer fewer examples, or run a plan that allows as many");
        }
    }

    /// <summary>Takes the step.</summary>
    /// <param name="model">The model, its adapter training.</param>
    /// <param name="train">The examples.</param>
    /// <returns>What the step saw, and the sum in ring units in the order of the trained parameters; not private, and the caller zeroes it.</returns>
    /// <exception cref="FedCloudException"><c>trainer_deadline</c> or <c>count_invalid</c>.</exception>
    public (StepLoss Loss, int[] Update) Run(IDecoder model, ExampleFile train)
    {
        clock.Require(0, "before step 1 of 1");
        long began = clock.Timestamp();
        using RingStep step = RingStep.Secret(model, train, ring, job.BatchSize, job.Threads);
        int[] update = GC.AllocateArray<int>(step.Coordinates, pinned: true);
        StepLoss seen = step.Take(update);
        report(new JobProgress
        {
            Event = "step",
            Step = 1,
            Steps = 1,
            Loss = seen.Loss,
            TokensPerSecond = seen.Counted / Math.Max(1e-9, clock.SecondsSince(began)),
            EtaSeconds = 0,
        });
        return (seen, update);
    }
}
