// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Document;

/// <summary>An entry of the log that proves a value.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Leaf">Its leaf hash, SHA-256(0x00 ‖ entry).</param>
internal sealed record Citation(long Index, MerkleHash Leaf);
