// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Examples;

/// <summary>A part of a conversation as a template writes it.</summary>
/// <param name="Text">The text.</param>
/// <param name="IsMarker">Whether it is one added token of the tokenizer; else plain text, in which no special token is found.</param>
/// <param name="IsLearned">Whether the assistant speaks it.</param>
public readonly record struct ChatPart(string Text, bool IsMarker, bool IsLearned);
