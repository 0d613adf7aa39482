// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;

namespace FedCloud.Training.Jobs;

/// <summary>The gradient of the mean loss over all counted tokens of a step, whatever micro-batch they are in; examples in the round's order.</summary>
internal sealed class PlainGradient(IDecoder model, ExampleFile train, TrainingJob job) : IStepGradient
{
    private readonly ExampleOrder _order = new(train.Examples.Count, job.Seed, job.Round);

    /// <inheritdoc/>
    public StepLoss Take(int step)
    {
        long first = (long)step * job.BatchSize * job.GradientAccumulation;
        Batch[] batches =
        [
            .. Enumerable.Range(0, job.GradientAccumulation).Select(micro => Batch.Of(
                [.. Enumerable.Range(0, job.BatchSize).Select(i => train.Examples[_order[first + ((long)micro * job.BatchSize) + i]])])),
        ];
        int counted = batches.Sum(batch => batch.Counted);
        double loss = 0;
        model.ZeroGradients();
        foreach (Batch batch in batches)
        {
            model.Forward(batch.Tokens, batch.B, batch.T, batch.Lengths);
            loss += model.Loss(batch.Targets, 1f / counted);
            model.Backward();
        }

        return new StepLoss(loss / counted, counted);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
