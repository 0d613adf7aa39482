// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>One privacy loss of a mechanism with few outputs.</summary>
/// <param name="Loss">The loss, in nats.</param>
/// <param name="Mass">Its mass under P.</param>
internal readonly record struct LossAtom(double Loss, double Mass);
