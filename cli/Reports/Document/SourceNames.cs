// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cli.Reports.Document;

/// <summary>The words for where a value comes from.</summary>
internal static class SourceNames
{
    /// <summary>The words with what they mean, for the reader.</summary>
    public static IEnumerable<(string Name, string Meaning)> All =>
    [
        ("log", "entries of the log, cited by index"),
        ("plan", "the run's configuration, whose hash the cited entry names"),
        ("roster", "a roster that members signed, whose hash the cited entry names"),
        ("card", "a silo's data card: the silo's own words, whose hash the cited entry names"),
        ("evidence", "signed checkpoints and messages in the evidence"),
        ("computed", "computed from such values when the report was made"),
        ("verifier", "the verification of the evidence"),
        ("product", "what this version of FedCloud does, the same for every run"),
        ("operator", "supplied by the operator; nothing in the evidence proves it"),
    ];

    /// <summary>The word.</summary>
    public static string Of(ValueSource source) => source switch
    {
        ValueSource.Log => "log",
        ValueSource.Plan => "plan",
        ValueSource.Roster => "roster",
        ValueSource.Card => "card",
        ValueSource.Evidence => "evidence",
        ValueSource.Computed => "computed",
        ValueSource.Verifier => "verifier",
        ValueSource.Product => "product",
        ValueSource.Operator => "operator",
        _ => throw new ArgumentOutOfRangeException(nameof(source)),
    };
}
