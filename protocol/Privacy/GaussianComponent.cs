// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>One component of a mixture of Gaussians.</summary>
/// <param name="Mean">Its mean, in units of the sensitivity.</param>
/// <param name="Weight">Its weight, above 0.</param>
public readonly record struct GaussianComponent(double Mean, double Weight);
