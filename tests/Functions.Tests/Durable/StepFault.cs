// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Functions.Tests.Durable;

/// <summary>What goes wrong in a step.</summary>
public enum StepFault
{
    None,

    /// <summary>The process dies after the work and before it is recorded, so that the step will be taken again.</summary>
    Crash,

    /// <summary>What the step brings comes twice.</summary>
    Duplicate,
}
