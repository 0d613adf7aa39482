// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Audit;

/// <summary>A row of the compromise playbook (keys and identity, section 8), which a federation rehearses; that it did so, and when, its log says.</summary>
/// <param name="Name">Its name; a word.</param>
/// <param name="Stolen">What was stolen or lost.</param>
/// <param name="Action">What is done then.</param>
public sealed record CompromiseDrill(string Name, string Stolen, string Action)
{
    /// <summary>What the operation of a drill's entry begins with.</summary>
    public const string OperationPrefix = "drill.";

    /// <summary>The result of a drill that went as the playbook says.</summary>
    public const string Passed = "passed";

    /// <summary>The result of one that did not.</summary>
    public const string Failed = "failed";

    /// <summary>The playbook.</summary>
    public static ImmutableArray<CompromiseDrill> All { get; } =
    [
        new("silo-identity", "one silo's identity key", "remove the silo (fedcloud silo revoke), invite it again under another id, review its messages since the last good position"),
        new("silo-identities", "several silos' identity keys, with shares", "as for one; let no run begin until it is reviewed"),
        new("colluding-silos", "more identity keys than the cohort bounds allow, with a lying coordinator", "stop; found a new federation"),
        new("quorum", "the keys of a quorum of silos", "stop; found a new federation"),
        new("transport", "a silo's transport credentials", "disable its principal, or change the account's key; invite it again"),
        new("messages", "the coordinator's message key", "stop the coordinator; silos refuse what is unsigned or not in the log; found the federation anew under another key"),
        new("storage", "the right to read the coordinator's storage", "change the credentials; review the access entries"),
        new("wrapping", "the wrapping key", "fedcloud keys rotate wrapping --lost"),
        new("log", "the log's key", "fedcloud keys rotate log --lost; compare the witnesses' states"),
        new("witness", "one silo's witness key", "remove the silo, and invite it again under another id"),
        new("administrator", "one administrator's key", "remove the silo, and invite it again under another id; review its policies, approvals and limits since"),
        new("silo-disk", "a silo's disk or a backup of it", "start the agent on the new disk: its open slots are burned, and what its ledger had reserved counts as spent"),
        new("pipeline", "the build pipeline", "stop; deploy the last image whose digest was attested; verify the log with the policy of expected images"),
    ];

    /// <summary>The row of a name; null for none.</summary>
    public static CompromiseDrill? Find(string name) => All.FirstOrDefault(drill => string.Equals(drill.Name, name, StringComparison.Ordinal));
}
