// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Privacy;

/// <summary>Coordinates of a unit's gradient that are scaled by one factor.</summary>
/// <param name="Start">The first of them.</param>
/// <param name="Length">How many.</param>
/// <param name="Group">The group that they are clipped with.</param>
internal readonly record struct GradientPiece(int Start, int Length, int Group);
