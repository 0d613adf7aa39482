// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>An entry at its place.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Entry">The entry.</param>
/// <param name="Roster">The roster in force there; for an entry that is a roster, that one.</param>
/// <param name="Version">How many rosters were logged so far.</param>
internal sealed record LoggedEntry(long Index, LogEntry Entry, Roster Roster, int Version)
{
    public string Type => Entry.Type;

    public Sha256Digest Subject(string name) => Entry.Subjects[name];

    public long Integer(string name) => Entry.Fields[name].Integer ?? 0;

    public string Text(string name) => Entry.Fields[name].Text ?? string.Empty;
}
