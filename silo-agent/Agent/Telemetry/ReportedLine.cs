// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.SiloAgent.Telemetry;

/// <summary>What of a line for the terminal may become a log record: phase, run, round and code. The line itself may hold losses, amounts and paths, and stays.</summary>
/// <param name="Phase">The phase.</param>
/// <param name="Job">The run; null for none.</param>
/// <param name="Round">The round; null for none.</param>
/// <param name="Code">A code of docs/errors.md, where the line's detail begins with one.</param>
public sealed record ReportedLine(string Phase, string? Job, int? Round, string? Code)
{
    /// <summary>Reads a line; null for one of which nothing may leave: the trainer's progress and the budget's news.</summary>
    public static ReportedLine? Of(JsonElement line)
    {
        string? phase = Text(line, "phase");
        if (phase is null or "trainer" or "budget")
        {
            return null;
        }

        string code = (Text(line, "detail") ?? string.Empty).Split(':')[0];
        int? round = line.TryGetProperty("round", out JsonElement number) && number.ValueKind == JsonValueKind.Number ? number.GetInt32() : null;
        return new ReportedLine(phase, Text(line, "job"), round, ErrorCodes.All.ContainsKey(code) ? code : null);
    }

    private static string? Text(JsonElement line, string member) => line.TryGetProperty(member, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
