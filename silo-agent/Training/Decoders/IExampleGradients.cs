// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders;

/// <summary>Each example's own gradient of an adapter. While it lives, a backward pass writes it in place of the parameters' gradients.</summary>
/// <remarks>
/// A row is one example, (d): the trained parameters one after the other, float32, in memory of the host. The bits of a row depend on
/// the example and the weights only: not on the other examples of the batch, its place among them, the length of the padding or the threads.
/// </remarks>
public unsafe interface IExampleGradients : IDisposable
{
    /// <summary>d, the trained parameters of the model.</summary>
    int Coordinates { get; }

    /// <summary>How many of them belong to each adapted module, in their order.</summary>
    IReadOnlyList<int> ModuleLengths { get; }

    /// <summary>The most examples.</summary>
    int Examples { get; }

    /// <summary>An example's gradient, (d); the next example's lies behind it.</summary>
    float* Row(int example);
}
