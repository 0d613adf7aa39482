// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What a sum that passed its checks gave, beside the mean itself.</summary>
/// <param name="AggregateSha256">The digest of z.</param>
/// <param name="Norm">The mean's L2 norm.</param>
/// <param name="Gate">The largest norm that was allowed.</param>
public sealed record OpenedSum(Sha256Digest AggregateSha256, double Norm, double Gate);
