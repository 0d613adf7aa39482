// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit;

/// <summary>An entry before its actor numbers, dates and signs it.</summary>
/// <param name="Type">The type; see <see cref="EntryTypes"/>.</param>
/// <param name="Job">The run, where there is one.</param>
/// <param name="Round">The round, where there is one.</param>
/// <param name="Subjects">Name to digest.</param>
/// <param name="Fields">Name to value.</param>
public sealed record EntryDraft(
    string Type,
    RunId? Job,
    int? Round,
    ImmutableSortedDictionary<string, Sha256Digest> Subjects,
    ImmutableSortedDictionary<string, EntryField> Fields)
{
    /// <summary>A draft about the federation.</summary>
    public static EntryDraft Of(string type) => new(type, null, null, ImmutableSortedDictionary.Create<string, Sha256Digest>(StringComparer.Ordinal), ImmutableSortedDictionary.Create<string, EntryField>(StringComparer.Ordinal));

    /// <summary>A draft about a run or a round of it.</summary>
    public static EntryDraft Of(string type, RunId job, int? round = null) => Of(type) with { Job = job, Round = round };

    /// <summary>The draft with one more subject.</summary>
    public EntryDraft With(string name, Sha256Digest digest) => this with { Subjects = Subjects.Add(name, digest) };

    /// <summary>The draft with one more field.</summary>
    public EntryDraft With(string name, long value) => this with { Fields = Fields.Add(name, EntryField.Of(value)) };

    /// <summary>The draft with one more field.</summary>
    public EntryDraft With(string name, string value) => this with { Fields = Fields.Add(name, EntryField.Of(value)) };

    /// <summary>The draft with one more field.</summary>
    public EntryDraft With(string name, bool value) => this with { Fields = Fields.Add(name, EntryField.Of(value)) };

    /// <summary>Whether the entry says just this, whoever signed it and when.</summary>
    public bool Describes(LogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return string.Equals(Type, entry.Type, StringComparison.Ordinal)
            && Job == entry.Job
            && Round == entry.Round
            && Subjects.SequenceEqual(entry.Subjects)
            && Fields.SequenceEqual(entry.Fields);
    }

    /// <summary>The entry that the actor signs.</summary>
    /// <param name="federation">The federation.</param>
    /// <param name="actor">Who signs.</param>
    /// <param name="seq">Its number.</param>
    /// <param name="time">When the actor journals it.</param>
    public LogEntry ToEntry(FederationId federation, EntryActor actor, long seq, DateTimeOffset time) => new()
    {
        V = LogEntry.CurrentVersion,
        Type = Type,
        Time = LogEntry.FormatTime(time),
        Actor = actor,
        Federation = federation,
        Job = Job,
        Round = Round,
        Subjects = Subjects,
        Fields = Fields,
        Seq = seq,
    };
}
