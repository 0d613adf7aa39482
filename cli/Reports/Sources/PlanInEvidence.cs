// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Reports.Sources;

/// <summary>A run's configuration as far as the evidence has it.</summary>
/// <param name="Config">The configuration, whose hash the log names; null where it is not there.</param>
/// <param name="Missing">Why it is not there.</param>
internal sealed record PlanInEvidence(RunConfig? Config, string? Missing);
