// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Jobs;

/// <summary>A part of the memory that a job takes.</summary>
/// <param name="Name">What takes it: <c>weights</c>, <c>adapter</c>, <c>activations</c>, <c>scratch</c>, <c>logits</c>, <c>private_step</c>, <c>tokenizer</c> or <c>runtime</c>.</param>
/// <param name="Bytes">How much.</param>
public readonly record struct MemoryPart(string Name, long Bytes);
