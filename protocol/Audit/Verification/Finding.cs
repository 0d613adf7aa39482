// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Something that the verifier found, or could not check.</summary>
/// <param name="Check">The check of audit-log section 8, V1 to V15, or <c>policy</c>.</param>
/// <param name="Code">The stable code.</param>
/// <param name="Found">What was found.</param>
public sealed record Finding(string Check, ErrorCode Code, string Found)
{
    private static readonly JsonWriterOptions Line = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What was expected, where that is not clear from the code.</summary>
    public string? Expected { get; init; }

    /// <summary>The index of the entry, where it is about one.</summary>
    public long? Entry { get; init; }

    /// <summary>The path in the evidence, where it is about a file.</summary>
    public string? Path { get; init; }

    /// <summary>Whether the verification failed by it; else it only says what was not checked.</summary>
    public bool IsFailure => Code.Exit != ExitCode.Done;

    /// <summary>One line of JSON, without the newline.</summary>
    public string ToJson()
    {
        using MemoryStream line = new();
        using (Utf8JsonWriter json = new(line, Line))
        {
            json.WriteStartObject();
            json.WriteString("check", Check);
            json.WriteString("code", Code.Name);
            json.WriteBoolean("failed", IsFailure);
            if (Entry is { } entry)
            {
                json.WriteNumber("entry", entry);
            }

            if (Path is not null)
            {
                json.WriteString("path", Path);
            }

            if (Expected is not null)
            {
                json.WriteString("expected", Expected);
            }

            json.WriteString("found", Found);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(line.ToArray());
    }
}
