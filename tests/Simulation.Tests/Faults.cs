// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Simulation.Tests;

/// <summary>What a schedule may do to the parties.</summary>
internal sealed record Faults(double Drop, double Duplicate, double Crash, double TrainerFails, double Forge, double Cancel, double Revoke);
