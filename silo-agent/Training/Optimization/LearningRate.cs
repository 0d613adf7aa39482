// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Optimization;

/// <summary>The learning rate over global steps: linear warm-up, then half a cosine to zero (Loshchilov and Hutter 2017) or a constant.</summary>
/// <param name="Peak">The rate after warm-up.</param>
/// <param name="Cosine">Whether it falls to zero at the last step.</param>
/// <param name="WarmupSteps">Steps of warm-up.</param>
/// <param name="TotalSteps">Steps of the whole run.</param>
public sealed record LearningRate(double Peak, bool Cosine, long WarmupSteps, long TotalSteps)
{
    /// <summary>The rate of a global step, from 0.</summary>
    public double At(long step)
    {
        if (step < WarmupSteps)
        {
            return Peak * (step + 1) / WarmupSteps;
        }

        double progress = TotalSteps > WarmupSteps ? Math.Min(1.0, (double)(step - WarmupSteps) / (TotalSteps - WarmupSteps)) : 0;
        return Cosine ? Peak * 0.5 * (1 + Math.Cos(Math.PI * progress)) : Peak;
    }
}
