// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Cli.Reports.Sources;

/// <summary>An entry of the evidence at its place.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Entry">The entry.</param>
/// <param name="Bytes">Its bytes, the leaf.</param>
internal sealed record LoggedRecord(long Index, LogEntry Entry, byte[] Bytes)
{
    /// <summary>The leaf hash.</summary>
    public MerkleHash Leaf { get; } = MerkleTree.HashLeaf(Bytes);

    /// <summary>The citation.</summary>
    public Citation Cite => new(Index, Leaf);

    /// <summary>Whether the entry is of a type.</summary>
    public bool Is(string type) => string.Equals(Entry.Type, type, StringComparison.Ordinal);

    /// <summary>A subject; 64 zeros where the type has none of that name.</summary>
    public Sha256Digest Subject(string name) => Entry.Subjects.GetValueOrDefault(name, Sha256Digest.Zero);

    /// <summary>An integer among the fields; 0 where there is none.</summary>
    public long Integer(string name) => Entry.Fields.GetValueOrDefault(name).Integer ?? 0;

    /// <summary>A word among the fields; empty where there is none.</summary>
    public string Word(string name) => Entry.Fields.GetValueOrDefault(name).Text ?? string.Empty;

    /// <summary>A flag among the fields.</summary>
    public bool Flag(string name) => Entry.Fields.GetValueOrDefault(name).Flag is true;

    /// <summary>Whether the entry is about one silo: signed by it or its administrator, or naming it. Its content appears with that silo's consent only (compliance reports, rule C1).</summary>
    public bool IsOfOneSilo => !string.Equals(Entry.Actor.Kind, EntryActor.Coordinator, StringComparison.Ordinal) || Entry.Fields.ContainsKey("silo") || Entry.Fields.ContainsKey("idx");
}
