// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Privacy;

/// <summary>How a unit's gradient is scaled to a norm of at most C.</summary>
internal enum ClippingMode
{
    /// <summary>All trained parameters together, by min(1, C / norm) (Abadi et al. 2016).</summary>
    Flat,

    /// <summary>Each adapted module by itself, to C / sqrt(modules): the squares sum to C².</summary>
    PerLayer,

    /// <summary>All together, by C / (norm + 0.01 C), also upwards (Bu et al. 2023, "Automatic Clipping").</summary>
    Automatic,
}
