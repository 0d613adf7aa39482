// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>How frozen weights lie in memory. Activations, and all sums, are float32 with any of them.</summary>
public enum WeightStorage
{
    /// <summary>float32.</summary>
    F32,

    /// <summary>bfloat16: the upper half of a float32.</summary>
    BF16,

    /// <summary>Integers in [-127, 127] with a float32 scale for each output (absmax for each row, the vector-wise quantisation of Dettmers et al. 2022, LLM.int8(), of weights alone).</summary>
    Int8,
}
