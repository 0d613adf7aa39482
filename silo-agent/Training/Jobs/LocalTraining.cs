// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Optimization;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Jobs;

/// <summary>The local steps of one round: plain or private gradients, AdamW from zero moments, checkpoints in between.</summary>
/// <param name="job">The job.</param>
/// <param name="folder">Its folder.</param>
/// <param name="clock">Its deadline.</param>
/// <param name="report">Takes progress.</param>
internal sealed class LocalTraining(TrainingJob job, string folder, JobClock clock, Action<JobProgress> report)
{
    /// <summary>Takes all steps, or those that are left after the checkpoint.</summary>
    /// <exception cref="FedCloudException"><c>loss_not_finite</c>, <c>trainer_deadline</c> or <c>disk_full</c>.</exception>
    public JobPosition Run(IDecoder model, ExampleFile train)
    {
        AdamW optimizer = new(model.Trained, new AdamWOptions(job.AdamBeta1, job.AdamBeta2, job.AdamEpsilon, job.WeightDecay, job.ClipNorm));
        JobCheckpoint checkpoint = new(folder, Identity(), model.Trained, optimizer);
        LearningRate schedule = new(job.LearningRate, string.Equals(job.Schedule, "cosine", StringComparison.Ordinal), job.WarmupSteps, job.TotalGlobalSteps);
        using IStepGradient gradient = job.Privacy is { } privacy ? new PrivateGradient(model, train, privacy, job.BatchSize, job.Threads) : new PlainGradient(model, train, job);
        JobPosition position = checkpoint.Restore(job.LocalSteps);
        StepTimes times = new(clock, position.Losses.Count, job.LocalSteps);
        for (int step = position.Losses.Count; step < job.LocalSteps; step++)
        {
            times.RequireEnough(step);
            (double? loss, int counted) = gradient.Take(step);
            RequireFinite(loss ?? 0, "loss", step);
            RequireFinite(optimizer.Step(schedule.At(job.FirstGlobalStep + step)), "gradient norm", step);
            position.Losses.Add(loss ?? double.NaN);
            position = position with { Tokens = position.Tokens + counted };
            times.Took(counted);
            report(new JobProgress
            {
                Event = "step",
                Step = step + 1,
                Steps = job.LocalSteps,
                Loss = loss,
                TokensPerSecond = times.TokensPerSecond,
                EtaSeconds = times.SecondsLeft(step + 1),
            });
            if (job.CheckpointEvery > 0 && (step + 1) % job.CheckpointEvery == 0 && step + 1 < job.LocalSteps)
            {
                checkpoint.Save(position);
            }
        }

        return position;
    }

    private void RequireFinite(double value, string what, int step)
    {
        if (!double.IsFinite(value))
        {
            throw new FedCloudException(ErrorCodes.LossNotFinite, $"expected a finite {what}, found {value} at step {step + 1} of {job.LocalSteps}");
        }
    }

    // What does not change the result (threads, memory, deadline, checkpoints) may differ after a restart.
    private string Identity()
    {
        TrainingJob result = job with { Threads = 1, MaxMemoryMib = 0, Deadline = 0, CheckpointEvery = 0 };
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(SHA256.HashData(result.ToJson()));
        foreach (string path in (string[])[job.AdapterFile, job.TrainFile])
        {
            using FileStream file = File.OpenRead(path);
            hash.AppendData(SHA256.HashData(file));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>How long steps take, and whether the rest still fits before the deadline.</summary>
    private sealed class StepTimes(JobClock clock, int first, int steps)
    {
        private readonly long _start = clock.Timestamp();
        private long _last = clock.Timestamp();
        private double _fastest = double.PositiveInfinity;
        private long _tokens;
        private int _taken;

        public double TokensPerSecond => _tokens / Math.Max(1e-9, clock.SecondsSince(_start));

        public double SecondsLeft(int step) => clock.SecondsSince(_start) / Math.Max(1, step - first) * (steps - step);

        public void Took(int tokens)
        {
            double seconds = clock.SecondsSince(_last);
            _fastest = Math.Min(_fastest, seconds);
            _last = clock.Timestamp();
            _tokens += tokens;
            _taken++;
        }

        // Even at the pace of the fastest step so far: giving up is certain to be right, not a guess.
        public void RequireEnough(int step) => clock.Require(_taken == 0 ? 0 : _fastest * (steps - step), $"before step {step + 1} of {steps}");
    }
}
