// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using FedCloud.Protocol.Errors;

namespace FedCloud.Api.Events;

/// <summary>Which fields of the coordinator's log lines leave the host: names, ids, numbers and codes. A reason is cut to its code, since its text may name anything.</summary>
public static class LogFields
{
    /// <summary>Where the lines come from; those of frameworks stay.</summary>
    public const string Category = "FedCloud";

    private const string Reason = "Reason";
    private const string Template = "{OriginalFormat}";

    private static readonly FrozenSet<string> Names = FrozenSet.Create(StringComparer.Ordinal, "Federation", "Id", "Job", "Event", "Type", "Actor", "Seq", "Size", Template);

    /// <summary>The fields that leave.</summary>
    public static IReadOnlyList<KeyValuePair<string, object?>> Allowed(IReadOnlyList<KeyValuePair<string, object?>>? fields) =>
    [
        .. (fields ?? []).Where(field => Names.Contains(field.Key)),
        .. (fields ?? []).Where(field => field is { Key: Reason, Value: string text } && CodeOf(text) is not null).Select(field => new KeyValuePair<string, object?>(Reason, CodeOf((string?)field.Value))),
    ];

    private static string? CodeOf(string? text) => text?.Split(':')[0] is { } code && ErrorCodes.All.ContainsKey(code) ? code : null;
}
