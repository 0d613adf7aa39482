// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>A file of an evidence bundle.</summary>
/// <param name="Path">Its path in the layout.</param>
/// <param name="Length">Its length in bytes, as the source states it.</param>
public sealed record EvidenceFile(string Path, long Length);
