// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Safetensors;

namespace FedCloud.Training.Merging;

/// <summary>What is merged, and where to.</summary>
/// <param name="Base">The base model's folder.</param>
/// <param name="Adapter">The adapter's folder, as PEFT saves it.</param>
/// <param name="Output">The folder that is made; it must not hold anything yet.</param>
/// <param name="Type">F32, BF16 or F16 for all tensors of numbers with a fraction; null for the type that each has in the base model.</param>
public sealed record MergeRequest(string Base, string Adapter, string Output, TensorType? Type);

/// <summary>What a merge came to.</summary>
/// <param name="Modules">How many modules have other weights than in the base model.</param>
/// <param name="BaseIsChecked">Whether the adapter names its base model by digest, and it is the one that was given.</param>
/// <param name="BaseModelName">What else the adapter calls its base model; null where it does not say.</param>
public sealed record MergeOutcome(int Modules, bool BaseIsChecked, string? BaseModelName);
