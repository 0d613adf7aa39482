// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What the plan says about a round, as an auditor takes it from the configuration.</summary>
/// <param name="ConfigSha256">The configuration's hash.</param>
/// <param name="D">Ring coordinates.</param>
/// <param name="Ring">The ring.</param>
/// <param name="Quorum">The plan's quorum.</param>
/// <param name="HasPrivacy">Whether it has a privacy claim.</param>
public sealed record RoundTerms(Sha256Digest ConfigSha256, long D, Ring Ring, int Quorum, bool HasPrivacy);
