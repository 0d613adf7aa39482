// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Jobs;

/// <summary>What computes the model of a job: the managed engine, or one on a device.</summary>
public interface ITrainingEngine
{
    /// <summary>Finds the job's device, before anything is read.</summary>
    /// <param name="job">The job.</param>
    /// <param name="report">Takes progress: the event <c>fallback</c> where another device computes than the job names.</param>
    /// <exception cref="FedCloudException"><c>device_unavailable</c> or <c>package_not_restored</c>.</exception>
    void Prepare(TrainingJob job, Action<JobProgress> report);

    /// <summary>Refuses a job that does not fit into memory, from its shapes alone, before anything large is read.</summary>
    /// <param name="config">The model.</param>
    /// <param name="job">The job.</param>
    /// <returns>The most tokens of a batch.</returns>
    /// <exception cref="FedCloudException"><c>memory_exceeded</c>.</exception>
    int RequireRows(ModelConfig config, TrainingJob job);

    /// <summary>Loads a base model and puts a zero adapter on it.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="weights">The base model's weights; may be disposed of before the model.</param>
    /// <param name="layout">The adapter's layout.</param>
    /// <param name="rows">The most tokens of a batch.</param>
    /// <param name="length">The longest sequence.</param>
    /// <param name="threads">The most threads.</param>
    /// <param name="storage">How the base model's weights are stored in memory.</param>
    IDecoder Load(ModelConfig config, BaseWeights weights, AdapterLayout layout, int rows, int length, int threads, WeightStorage storage);
}
