// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>Which entries of a log somebody asks for: every member that is given must be the entry's.</summary>
public sealed record EntryQuery
{
    /// <summary>The type.</summary>
    public string? Type { get; init; }

    /// <summary>The actor's kind, or its id.</summary>
    public string? Actor { get; init; }

    /// <summary>The run.</summary>
    public string? Job { get; init; }

    /// <summary>The round.</summary>
    public int? Round { get; init; }

    /// <summary>Refuses what no entry can have: an empty answer would look like one.</summary>
    /// <exception cref="FedCloudException"><c>request_malformed</c>.</exception>
    public void Require()
    {
        if (Type is { } type && EntrySchema.All.All(schema => !string.Equals(schema.Type, type, StringComparison.Ordinal)))
        {
            throw new FedCloudException(ErrorCodes.RequestMalformed, "type: expected an entry's type, found another text", $"one of {string.Join(", ", EntrySchema.All.Select(schema => schema.Type))}");
        }
    }

    /// <summary>Whether an entry is asked for.</summary>
    public bool Takes(LogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return Fits(Type, entry.Type)
            && (Fits(Actor, entry.Actor.Id) || Fits(Actor, entry.Actor.Kind))
            && Fits(Job, entry.Job?.Value)
            && (Round is null || Round == entry.Round);
    }

    private static bool Fits(string? wanted, string? found) => wanted is null || string.Equals(wanted, found, StringComparison.Ordinal);
}
