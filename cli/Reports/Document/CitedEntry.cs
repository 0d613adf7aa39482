// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Document;

/// <summary>An entry that a report cites.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Leaf">Its leaf hash.</param>
/// <param name="Entry">What it says.</param>
/// <param name="Bytes">Its bytes, for the proof; null where it is about one silo, whose administrator has not consented.</param>
/// <param name="Proof">The inclusion proof; null where the evidence does not give one that verifies.</param>
internal sealed record CitedEntry(long Index, MerkleHash Leaf, LogEntry Entry, byte[]? Bytes, TlogProof? Proof);
