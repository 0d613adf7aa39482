// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>Bounds on an epsilon.</summary>
/// <param name="Lower">The true epsilon is not below.</param>
/// <param name="Estimate">The estimate.</param>
/// <param name="Upper">The true epsilon is not above.</param>
public readonly record struct PrvEpsilon(double Lower, double Estimate, double Upper);
