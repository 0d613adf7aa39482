// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cli.Reports.Document;

/// <summary>Where a value comes from.</summary>
internal enum ValueSource
{
    /// <summary>Entries of the log.</summary>
    Log,

    /// <summary>The run's configuration, whose hash the log names.</summary>
    Plan,

    /// <summary>A roster, whose hash the log names and whose members signed it.</summary>
    Roster,

    /// <summary>A silo's data card: the silo's own words, whose hash the log names.</summary>
    Card,

    /// <summary>Signed messages and checkpoints in the evidence.</summary>
    Evidence,

    /// <summary>Computed here from such values.</summary>
    Computed,

    /// <summary>The verification of the evidence.</summary>
    Verifier,

    /// <summary>What this version of FedCloud does, the same for every run.</summary>
    Product,

    /// <summary>A person's words, which nothing in the evidence proves.</summary>
    Operator,
}
