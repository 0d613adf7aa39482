// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>A masked vector y that lies on the disk, whole.</summary>
/// <param name="Path">Its file.</param>
/// <param name="YSha256">Its hash, for R2.</param>
/// <param name="YLen">Its bytes, d·k/8.</param>
/// <param name="Figures">What masking showed; null when the vector was there already.</param>
public sealed record MaskedVector(string Path, Sha256Digest YSha256, long YLen, MaskingFigures? Figures);
