// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A cryptographic random generator, given by the caller: <c>RandomNumberGenerator.Fill</c>, or a fixed stream in tests.</summary>
/// <param name="destination">Filled with uniform bytes.</param>
public delegate void RandomFill(Span<byte> destination);
