// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Examples;

/// <summary>Who speaks in a conversation.</summary>
public enum ChatRole
{
    /// <summary>What the assistant is told before all else.</summary>
    System,

    /// <summary>Who asks.</summary>
    User,

    /// <summary>The model, whose words are learned.</summary>
    Assistant,
}
