// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Jobs;

/// <summary>What the memory of a training depends on, beside the model.</summary>
/// <param name="Rank">The adapter's rank; 0 for none.</param>
/// <param name="Rows">Tokens of a batch.</param>
/// <param name="Length">The longest sequence.</param>
/// <param name="Examples">Examples whose gradients a private step, or one on the ring, keeps apart; 0 for plain steps.</param>
/// <param name="Threads">The most threads.</param>
/// <param name="Storage">How the base model's matrices are stored.</param>
/// <param name="TokenizerFileBytes">The length of <c>tokenizer.json</c>; 0 where none is read.</param>
/// <param name="IsDecomposed">Whether weights are decomposed (DoRA).</param>
public sealed record MemoryDemand(long Rank, long Rows, long Length, long Examples = 0, int Threads = 1, WeightStorage Storage = WeightStorage.F32, long TokenizerFileBytes = 0, bool IsDecomposed = false)
{
    /// <summary>The length of a base model's <c>tokenizer.json</c>; 0 where there is none.</summary>
    public static long TokenizerFileBytesIn(string baseModel) => new FileInfo(Path.Combine(baseModel, "tokenizer.json")) is { Exists: true } file ? file.Length : 0;
}
