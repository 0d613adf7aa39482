// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Api;

/// <summary>What a caller of the API may do.</summary>
[Flags]
public enum ApiRoles
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Reads, verifies, exports.</summary>
    Auditor = 1,

    /// <summary>Runs the federation, and reads.</summary>
    Operator = 2,
}
