// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

/// <summary>The exit codes of every FedCloud command.</summary>
public enum ExitCode
{
    /// <summary>The command did what it was asked to do.</summary>
    Done = 0,

    /// <summary>The work failed.</summary>
    Failed = 1,

    /// <summary>Wrong usage, or input that cannot be used.</summary>
    Unusable = 2,

    /// <summary>Something that the command needs is not set up.</summary>
    NotSetUp = 3,

    /// <summary>A service could not be reached.</summary>
    Unreachable = 4,

    /// <summary>A policy refused it.</summary>
    Refused = 5,

    /// <summary>A signature, digest or proof did not verify.</summary>
    VerificationFailed = 6,
}
