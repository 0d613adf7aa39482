// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit;

/// <summary>What a subject or a field of an entry may hold.</summary>
public enum EntryMemberKind
{
    /// <summary>A digest among the subjects.</summary>
    Digest,

    /// <summary>Any number of digests among the subjects: the name with <c>_1</c>, <c>_2</c>, … behind it.</summary>
    Digests,

    /// <summary>An integer, not negative.</summary>
    Integer,

    /// <summary>A boolean.</summary>
    Flag,

    /// <summary>A word of a vocabulary: 1 to 40 of a-z, 0-9, dot, hyphen and underscore.</summary>
    Code,

    /// <summary>A silo's id.</summary>
    Silo,

    /// <summary>A key's full identifier with version: 1 to 200 printable ASCII characters without spaces.</summary>
    KeyIdentifier,

    /// <summary>32 bytes that were committed to before, in hexadecimal.</summary>
    Reveal,

    /// <summary>Roster indexes in decimal, ascending, with commas between.</summary>
    Indexes,
}

/// <summary>A subject or a field that entries of one type have. Free text does not exist: it could hold personal data (audit-log, A1).</summary>
/// <param name="Name">The member's name.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="IsRequired">Whether each entry of the type has it.</param>
public sealed record EntryMember(string Name, EntryMemberKind Kind, bool IsRequired = true)
{
    private const int MaxCodeLength = 40;
    private const int MaxKeyIdentifierLength = 200;

    /// <summary>The only values that are allowed; empty when the kind is the only rule.</summary>
    public ImmutableArray<string> Values { get; init; } = [];

    /// <summary>Whether the member stands among the subjects.</summary>
    public bool IsSubject => Kind is EntryMemberKind.Digest or EntryMemberKind.Digests;

    /// <summary>Whether a subject of this name is the member, or one of its numbered ones.</summary>
    internal bool Names(string subject) => Kind == EntryMemberKind.Digests
        ? subject.StartsWith(Name + "_", StringComparison.Ordinal)
            && Checkpoint.TryParseNumber(subject[(Name.Length + 1)..], out long number) && number >= 1
        : string.Equals(subject, Name, StringComparison.Ordinal);

    /// <summary>Whether the member may hold the value.</summary>
    internal bool Allows(EntryField value) => Kind switch
    {
        EntryMemberKind.Integer => value.Integer >= 0,
        EntryMemberKind.Flag => value.Flag is not null,
        EntryMemberKind.Code => value.Text is { } code && IsCode(code) && (Values.IsEmpty || Values.Contains(code, StringComparer.Ordinal)),
        EntryMemberKind.Silo => Identifier.IsValid(value.Text),
        EntryMemberKind.KeyIdentifier => value.Text is { Length: >= 1 and <= MaxKeyIdentifierLength } && value.Text.All(c => c is > ' ' and <= '~'),
        EntryMemberKind.Reveal => Sha256Digest.IsValid(value.Text),
        EntryMemberKind.Indexes => IsIndexes(value.Text),
        _ => false,
    };

    private static bool IsCode(string text) =>
        text.Length is >= 1 and <= MaxCodeLength && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '-' or '.');

    private static bool IsIndexes(string? text)
    {
        long before = 0;
        foreach (string part in (text ?? string.Empty).Split(','))
        {
            if (!Checkpoint.TryParseNumber(part, out long index) || index <= before || index > byte.MaxValue)
            {
                return false;
            }

            before = index;
        }

        return true;
    }

    /// <summary>The indexes that a field of kind <see cref="EntryMemberKind.Indexes"/> lists.</summary>
    internal static IEnumerable<int> ReadIndexes(string text) => text.Split(',').Select(part => int.Parse(part, CultureInfo.InvariantCulture));
}
