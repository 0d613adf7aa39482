// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Audit;

/// <summary>An entry as one line: for a terminal, or as JSON.</summary>
internal static class EntryLine
{
    private const int ShownDigits = 12;

    public static string ForPeople(long index, LogEntry entry)
    {
        string scope = entry.Job is { } job ? $"  {job}{(entry.Round is { } round ? $" round {round}" : string.Empty)}" : string.Empty;
        string actor = string.Equals(entry.Actor.Kind, EntryActor.Coordinator, StringComparison.Ordinal) ? entry.Actor.Kind : $"{entry.Actor.Kind} {entry.Actor.Id}";
        IEnumerable<string> values = entry.Fields.Select(field => $"{field.Key}={field.Value}").Concat(entry.Subjects.Select(subject => $"{subject.Key}={subject.Value.Hex[..ShownDigits]}…"));
        return $"{index,8}  {entry.Time}  {entry.Type,-18}  {actor}{scope}  {string.Join(' ', values)}";
    }

    public static string AsJson(long index, byte[] entry) => $"{{\"index\":{index},\"entry\":{Encoding.UTF8.GetString(entry)}}}";
}
