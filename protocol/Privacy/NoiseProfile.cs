// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>How noise on the grid is drawn (privacy, rule S6); every report names it.</summary>
public enum NoiseProfile
{
    /// <summary>The discrete Gaussian, exactly; the default for regulated data.</summary>
    Exact,

    /// <summary>A Gaussian in binary64, rounded to the grid; not exact in the tail.</summary>
    Rounded,
}
