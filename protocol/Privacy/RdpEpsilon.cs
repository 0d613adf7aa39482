// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>An epsilon from an RDP curve.</summary>
/// <param name="Epsilon">Epsilon, 0 or more.</param>
/// <param name="Order">The order that gives it.</param>
public readonly record struct RdpEpsilon(double Epsilon, double Order);
