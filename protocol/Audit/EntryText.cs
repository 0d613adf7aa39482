// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers;
using System.Buffers.Text;
using System.Text;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Audit;

/// <summary>Writes an entry in its canonical form (RFC 8785) in one pass: the order of its members is known.</summary>
/// <remarks>
/// Verifying a log writes each entry twice, so this is its inner loop. It knows plain texts only (printable ASCII that JSON does
/// not escape), as every valid entry has them; for all else <see cref="Jcs"/> writes the entry.
/// </remarks>
internal static class EntryText
{
    private static readonly SearchValues<char> Plain = SearchValues.Create(
        [.. Enumerable.Range(' ', '~' - ' ' + 1).Select(code => (char)code).Where(c => c is not ('"' or '\\'))]);

    /// <summary>The canonical bytes; the signature is left out where the entry has none.</summary>
    public static byte[] Write(LogEntry entry)
    {
        if (!IsPlain(entry))
        {
            return Jcs.Serialize(entry, LogEntryJson.Default.LogEntry);
        }

        ArrayBufferWriter<byte> output = new(1024);
        output.Write("{\"actor\":{\"id\":"u8);
        WriteText(entry.Actor.Id, output);
        output.Write(",\"key_id\":"u8);
        WriteText(entry.Actor.KeyId.Hex, output);
        output.Write(",\"kind\":"u8);
        WriteText(entry.Actor.Kind, output);
        output.Write("}"u8);
        WriteSignature(entry.Dsse, output);
        output.Write(",\"federation\":"u8);
        WriteText(entry.Federation.Value, output);
        output.Write(",\"fields\":{"u8);
        WriteFields(entry, output);
        output.Write("},\"job\":"u8);
        WriteText(entry.Job?.Value, output);
        output.Write(",\"round\":"u8);
        WriteNumber(entry.Round, output);
        output.Write(",\"seq\":"u8);
        WriteNumber(entry.Seq, output);
        output.Write(",\"subjects\":{"u8);
        WriteSubjects(entry, output);
        output.Write("},\"time\":"u8);
        WriteText(entry.Time, output);
        output.Write(",\"type\":"u8);
        WriteText(entry.Type, output);
        output.Write(",\"v\":"u8);
        WriteNumber(entry.V, output);
        output.Write("}"u8);
        return output.WrittenSpan.ToArray();
    }

    private static bool IsPlain(LogEntry entry) =>
        IsPlain(entry.Actor.Id) && IsPlain(entry.Actor.KeyId.Hex) && IsPlain(entry.Actor.Kind)
        && IsPlain(entry.Federation.Value) && IsPlain(entry.Job?.Value) && IsPlain(entry.Time) && IsPlain(entry.Type)
        && (entry.Dsse is not { } dsse || (IsPlain(dsse.KeyId.Hex) && IsPlain(dsse.PayloadType)))
        && AreOrdered(entry.Fields.Keys) && entry.Fields.Values.All(value => IsPlain(value.Text) && !IsLarge(value.Integer))
        && AreOrdered(entry.Subjects.Keys) && entry.Subjects.Values.All(value => IsPlain(value.Hex))
        && !IsLarge(entry.Seq);

    private static bool IsPlain(string? text) => text is null || !text.AsSpan().ContainsAnyExcept(Plain);

    // Jcs refuses integers that a double does not hold.
    private static bool IsLarge(long? number) => number is > int.MaxValue or < 0;

    // RFC 8785, 3.2.3: members in the order of their UTF-16 code units, whatever order the dictionary keeps.
    private static bool AreOrdered(IEnumerable<string> names)
    {
        string? before = null;
        foreach (string name in names)
        {
            if (!IsPlain(name) || (before is not null && string.CompareOrdinal(before, name) >= 0))
            {
                return false;
            }

            before = name;
        }

        return true;
    }

    private static void WriteSignature(EntrySignature? dsse, ArrayBufferWriter<byte> output)
    {
        if (dsse is null)
        {
            return;
        }

        output.Write(",\"dsse\":{\"keyid\":"u8);
        WriteText(dsse.KeyId.Hex, output);
        output.Write(",\"payload_type\":"u8);
        WriteText(dsse.PayloadType, output);
        output.Write(",\"sig\":"u8);
        WriteText(Convert.ToBase64String(dsse.Sig), output);
        output.Write("}"u8);
    }

    private static void WriteFields(LogEntry entry, ArrayBufferWriter<byte> output)
    {
        bool first = true;
        foreach ((string name, EntryField value) in entry.Fields)
        {
            WriteName(name, ref first, output);
            if (value.Integer is { } integer)
            {
                WriteNumber(integer, output);
            }
            else if (value.Flag is { } flag)
            {
                output.Write(flag ? "true"u8 : "false"u8);
            }
            else
            {
                WriteText(value.Text, output);
            }
        }
    }

    private static void WriteSubjects(LogEntry entry, ArrayBufferWriter<byte> output)
    {
        bool first = true;
        foreach ((string name, Sha256Digest digest) in entry.Subjects)
        {
            WriteName(name, ref first, output);
            WriteText(digest.Hex, output);
        }
    }

    private static void WriteName(string name, ref bool first, ArrayBufferWriter<byte> output)
    {
        if (!first)
        {
            output.Write(","u8);
        }

        first = false;
        WriteText(name, output);
        output.Write(":"u8);
    }

    private static void WriteText(string? text, ArrayBufferWriter<byte> output)
    {
        if (text is null)
        {
            output.Write("null"u8);
            return;
        }

        Span<byte> quoted = output.GetSpan(text.Length + 2);
        quoted[0] = (byte)'"';
        Encoding.ASCII.GetBytes(text, quoted[1..]);
        quoted[text.Length + 1] = (byte)'"';
        output.Advance(text.Length + 2);
    }

    private static void WriteNumber(long? number, ArrayBufferWriter<byte> output)
    {
        if (number is not { } value)
        {
            output.Write("null"u8);
            return;
        }

        Utf8Formatter.TryFormat(value, output.GetSpan(20), out int written);
        output.Advance(written);
    }
}
