// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>Who may sign an entry.</summary>
[Flags]
public enum EntrySigners
{
    /// <summary>Nobody.</summary>
    None = 0,

    /// <summary>The coordinator.</summary>
    Coordinator = 1,

    /// <summary>A silo.</summary>
    Silo = 2,

    /// <summary>A silo's administrator.</summary>
    Admin = 4,
}

/// <summary>What an entry is about.</summary>
public enum EntryScope
{
    /// <summary>The federation, or a run, or a round.</summary>
    Any,

    /// <summary>A run; it may name a round.</summary>
    Job,

    /// <summary>A round of a run.</summary>
    Round,
}

/// <summary>What entries of one type hold, and who signs them: the table of audit-log, section 7.</summary>
/// <remarks>The specification names subjects and fields in words; their names in JSON are this table's.</remarks>
/// <param name="Type">The type.</param>
/// <param name="Signers">Who may sign it.</param>
/// <param name="Scope">What it is about.</param>
/// <param name="Members">Its subjects and fields.</param>
public sealed record EntrySchema(string Type, EntrySigners Signers, EntryScope Scope, ImmutableArray<EntryMember> Members)
{
    private static readonly FrozenDictionary<string, EntrySchema> ByType = EntrySchemaTable.Rows.ToFrozenDictionary(row => row.Type, StringComparer.Ordinal);

    /// <summary>All types.</summary>
    public static ImmutableArray<EntrySchema> All => [.. ByType.Values.OrderBy(schema => schema.Type, StringComparer.Ordinal)];

    /// <summary>A rule that members alone do not show: returns what is wrong, or null.</summary>
    internal Func<LogEntry, string?> Rule { get; init; } = _ => null;

    /// <summary>The schema of a type.</summary>
    /// <exception cref="FedCloudException"><c>entry_type_unknown</c>.</exception>
    public static EntrySchema Of(string type) =>
        ByType.TryGetValue(type, out EntrySchema? schema)
            ? schema
            : throw new FedCloudException(ErrorCodes.EntryTypeUnknown, "expected a type of the log's table, found another");

    /// <summary>Checks signer, scope, subjects and fields of an entry.</summary>
    /// <exception cref="FedCloudException"><c>entry_signer</c> or <c>entry_malformed</c>.</exception>
    public void Require(LogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (!Signers.HasFlag(SignerOf(entry.Actor.Kind)))
        {
            throw new FedCloudException(ErrorCodes.EntrySigner, $"entries of type {Type} are not signed by actors of kind {entry.Actor.Kind}");
        }

        if ((Scope != EntryScope.Any && entry.Job is null) || (Scope == EntryScope.Round && entry.Round is null) || (entry.Job is null && entry.Round is not null))
        {
            throw LogEntry.Malformed($"{Type} lacks the job or the round that it is about");
        }

        RequireSubjects(entry.Subjects);
        RequireFields(entry.Fields);
        if (Rule(entry) is { } wrong)
        {
            throw LogEntry.Malformed($"{Type}: {wrong}");
        }
    }

    private static EntrySigners SignerOf(string kind) => kind switch
    {
        EntryActor.Coordinator => EntrySigners.Coordinator,
        EntryActor.Silo => EntrySigners.Silo,
        _ => EntrySigners.Admin,
    };

    private void RequireSubjects(ImmutableSortedDictionary<string, Sha256Digest> subjects)
    {
        foreach (string name in subjects.Keys)
        {
            if (!Members.Any(member => member.IsSubject && member.Names(name)))
            {
                throw LogEntry.Malformed($"{Type} has a subject that its type does not know");
            }
        }

        foreach (EntryMember member in Members.Where(member => member.IsSubject))
        {
            int count = subjects.Keys.Count(member.Names);
            bool gapless = member.Kind != EntryMemberKind.Digests || Enumerable.Range(1, count).All(i => subjects.ContainsKey($"{member.Name}_{i}"));
            if ((member.IsRequired && count == 0) || !gapless)
            {
                throw LogEntry.Malformed($"{Type} lacks the subject {member.Name}");
            }
        }
    }

    private void RequireFields(ImmutableSortedDictionary<string, EntryField> fields)
    {
        EntryMember[] known = [.. Members.Where(member => !member.IsSubject)];
        foreach (EntryMember member in known)
        {
            if (fields.TryGetValue(member.Name, out EntryField value) ? !member.Allows(value) : member.IsRequired)
            {
                throw LogEntry.Malformed($"{Type} lacks a valid field {member.Name}");
            }
        }

        if (fields.Keys.Any(name => !known.Any(member => string.Equals(member.Name, name, StringComparison.Ordinal))))
        {
            throw LogEntry.Malformed($"{Type} has a field that its type does not know");
        }
    }
}
