// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Cli.Reports.Document;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Cli.Reports;

/// <summary>A report as canonical JSON (RFC 8785): the same report gives the same bytes.</summary>
internal static class ReportJson
{
    /// <summary><c>report.json</c>.</summary>
    public static byte[] Of(Report report) => Write(json =>
    {
        json.WriteString("schema", Report.Schema);
        json.WriteString("framework", report.Framework);
        json.WriteString("title", report.Title);
        json.WriteString("federation", report.Federation.Value);
        json.WriteString("job", report.Job.Value);
        json.WriteBoolean("finished", report.IsFinished);
        json.WriteBoolean("verified", report.Verification.Failures == 0);
        Groups(json, "front", report.Front);
        Groups(json, "articles", report.Articles);
        Array(json, "rounds", report.Rounds, round =>
        {
            json.WriteNumber("round", round.Round);
            json.WriteNumber("attempt", round.Attempt);
            json.WriteString("rid", round.Rid);
            Groups(json, "groups", round.Groups);
        });
        Array(json, "models", report.Cards, card => Card(json, card));
        Array(json, "limits", report.Limits, limit =>
        {
            json.WriteString("title", limit.Title);
            json.WriteString("text", limit.Text);
        });
        Array(json, "entries", report.Entries, entry => Entry(json, entry));
    });

    /// <summary>A model's card.</summary>
    public static byte[] Of(Report report, ModelCard card) => Write(json =>
    {
        json.WriteString("schema", Report.Schema);
        json.WriteString("federation", report.Federation.Value);
        json.WriteString("job", report.Job.Value);
        json.WriteBoolean("verified", report.Verification.Failures == 0);
        Card(json, card);
    });

    private static byte[] Write(Action<Utf8JsonWriter> members)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return Jcs.Canonicalize(bytes.ToArray());
    }

    private static void Array<T>(Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T> members)
    {
        json.WriteStartArray(name);
        foreach (T item in items)
        {
            json.WriteStartObject();
            members(item);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Card(Utf8JsonWriter json, ModelCard card)
    {
        json.WriteString("key", card.Key);
        json.WriteString("title", card.Title);
        Groups(json, "groups", card.Groups);
    }

    private static void Groups(Utf8JsonWriter json, string name, IEnumerable<ReportGroup> groups) => Array(json, name, groups, group =>
    {
        json.WriteString("key", group.Key);
        json.WriteString("title", group.Title);
        Array(json, "fields", group.Fields, field => Field(json, field));
    });

    private static void Field(Utf8JsonWriter json, ReportField field)
    {
        json.WriteString("key", field.Key);
        json.WriteString("title", field.Title);
        if (!field.Content.Values.IsEmpty)
        {
            Array(json, "values", field.Content.Values, value => Value(json, value));
            return;
        }

        // A field without evidence has one value that says so.
        json.WriteString("missing", field.Content.Missing);
        Array(json, "values", [FieldContent.NotAvailable], text =>
        {
            json.WriteString("value", text);
            json.WriteNull("unit");
            json.WriteStartArray("evidence");
            json.WriteEndArray();
        });
    }

    private static void Value(Utf8JsonWriter json, ReportValue value)
    {
        if (value.Number is { } number)
        {
            json.WriteNumber("value", number);
        }
        else
        {
            json.WriteString("value", value.Text);
        }

        json.WriteString("unit", value.Unit);
        Array(json, "evidence", value.Evidence, citation =>
        {
            json.WriteNumber("index", citation.Index);
            json.WriteString("sha256", citation.Leaf.ToString());
        });
        json.WriteString("source", SourceNames.Of(value.Source));
        Details(json, value);
    }

    private static void Details(Utf8JsonWriter json, ReportValue value)
    {
        if (value.Note is { } note)
        {
            json.WriteString("note", note);
        }

        if (value.AuthorRole is { } role)
        {
            json.WriteString("author_role", role);
        }

        if (value.Scope is { } scope)
        {
            json.WriteString("claim", scope.Claim);
            json.WriteString("privacy_unit", scope.Unit);
            json.WriteString("adversary", scope.Adversary);
            json.WriteString("label", scope.Label);
        }
    }

    private static void Entry(Utf8JsonWriter json, CitedEntry entry)
    {
        json.WriteNumber("index", entry.Index);
        json.WriteString("sha256", entry.Leaf.ToString());
        json.WriteString("type", entry.Entry.Type);
        json.WriteString("time", entry.Entry.Time);
        json.WriteString("entry", entry.Bytes is null ? null : ReportPaths.Entry(entry.Index));
        json.WriteString("proof", entry.Proof is null ? null : ReportPaths.Proof(entry.Index));
    }
}
