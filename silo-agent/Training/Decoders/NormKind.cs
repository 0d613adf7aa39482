// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders;

/// <summary>How the rows of activations are normalised.</summary>
public enum NormKind
{
    /// <summary>x · r · w with r = 1 / sqrt(mean(x²) + ε) (Zhang and Sennrich 2019).</summary>
    Rms,

    /// <summary>The same with 1 + w in place of w (Gemma Team 2024).</summary>
    RmsOnePlus,

    /// <summary>(x - μ) · r · w + b with the deviation in place of the root of the mean square (Ba et al. 2016).</summary>
    Layer,
}
