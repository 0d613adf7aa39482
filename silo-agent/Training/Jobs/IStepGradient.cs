// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Jobs;

/// <summary>Where the gradient of a step comes from.</summary>
internal interface IStepGradient : IDisposable
{
    /// <summary>Writes a step's gradient into the parameters that train.</summary>
    /// <param name="step">The step, from 0.</param>
    StepLoss Take(int step);
}

/// <summary>What a step saw of its examples.</summary>
/// <param name="Loss">Their mean loss; null without examples.</param>
/// <param name="Counted">Their tokens that carry loss.</param>
internal readonly record struct StepLoss(double? Loss, int Counted);
