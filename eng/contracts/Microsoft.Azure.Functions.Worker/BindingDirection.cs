// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace Microsoft.Azure.Functions.Worker;

/// <summary>Whether a binding reads or writes.</summary>
public enum BindingDirection
{
    In,
    Out,
}
