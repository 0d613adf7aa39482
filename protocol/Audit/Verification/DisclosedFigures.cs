// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>What a silo disclosed of an evaluation (privacy, section 8.3), read from a message whose signature was verified.</summary>
/// <param name="Job">The run.</param>
/// <param name="Round">The round that starts from the evaluated model; one above the last round for the final model.</param>
/// <param name="Silo">The member whose identity key signed it.</param>
/// <param name="EvalLoss">The mean loss of its evaluation examples, natural log per token; null where it disclosed none.</param>
public sealed record DisclosedFigures(RunId Job, int Round, SiloId Silo, decimal? EvalLoss);
