// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>What a witness is shown.</summary>
/// <param name="Note">The newest checkpoint of the log.</param>
public abstract record WitnessEvent(SignedNote Note);

/// <summary>A checkpoint, with the proof that it continues the last one that the witness signed.</summary>
/// <param name="Note">The checkpoint.</param>
/// <param name="Consistency">The proof; empty for a checkpoint of the same size, or without state.</param>
public sealed record CheckpointShown(SignedNote Note, ImmutableArray<MerkleHash> Consistency) : WitnessEvent(Note);

/// <summary>All entries were read, since the witness has no state.</summary>
/// <param name="Note">The checkpoint that the reading was for.</param>
/// <param name="Reading">What they give.</param>
public sealed record LogRead(SignedNote Note, LogReading Reading) : WitnessEvent(Note);
