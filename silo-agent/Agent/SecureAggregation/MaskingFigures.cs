// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>What masking showed about the update: for the silo's own terminal, never for a message or a log.</summary>
/// <param name="Norm">The update's L2 norm before weighting and clipping.</param>
/// <param name="Clipped">Whether it was clipped.</param>
/// <param name="ClampedShare">The share of coordinates that were clamped.</param>
public sealed record MaskingFigures(double Norm, bool Clipped, double ClampedShare);
