// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Canonical;

/// <summary>Canonical JSON (RFC 8785) for signed bodies: objects, arrays, strings, booleans, null, and integers below 2^53.</summary>
public static class Jcs
{
    /// <summary>The deepest nesting that is read.</summary>
    public const int MaxDepth = 16;

    private const long MaxInteger = (1L << 53) - 1;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>The canonical bytes of a value.</summary>
    public static byte[] Serialize<T>(T value, JsonTypeInfo<T> type) => Canonicalize(JsonSerializer.SerializeToUtf8Bytes(value, type));

    /// <summary>The canonical form of a JSON text.</summary>
    /// <exception cref="FedCloudException"><c>json_not_canonical</c>: not JSON, duplicate members, a number that is no integer below 2^53, invalid UTF-8, or too deep.</exception>
    public static byte[] Canonicalize(ReadOnlySpan<byte> utf8Json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8Json.ToArray(), Strict);
            ArrayBufferWriter<byte> output = new(utf8Json.Length);
            Write(document.RootElement, output);
            return output.WrittenSpan.ToArray();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or EncoderFallbackException)
        {
            throw new FedCloudException(ErrorCodes.JsonNotCanonical, "expected canonical JSON, found text that is not", cause: error);
        }
    }

    /// <summary>Reads a canonical text into its type.</summary>
    /// <param name="utf8Json">The bytes, already verified where they were signed.</param>
    /// <param name="type">A strict source-generated type: unknown members are errors.</param>
    /// <param name="what">What is read, for the error.</param>
    /// <exception cref="FedCloudException"><c>json_not_canonical</c> or <c>body_malformed</c>.</exception>
    public static T Parse<T>(ReadOnlySpan<byte> utf8Json, JsonTypeInfo<T> type, string what)
    {
        if (!Canonicalize(utf8Json).AsSpan().SequenceEqual(utf8Json))
        {
            throw new FedCloudException(ErrorCodes.JsonNotCanonical, $"{what}: the bytes are not their own canonical form");
        }

        try
        {
            return StrictJson.Deserialize(utf8Json, type)
                ?? throw new FedCloudException(ErrorCodes.BodyMalformed, $"{what} is null");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.BodyMalformed, $"{what}: {error.Path ?? "the text"} does not have the expected form", cause: error);
        }
    }

    private static void Write(JsonElement element, ArrayBufferWriter<byte> output)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(element, output);
                break;
            case JsonValueKind.Array:
                WriteArray(element, output);
                break;
            case JsonValueKind.String:
                WriteString(element.GetString() ?? string.Empty, output);
                break;
            case JsonValueKind.Number:
                WriteInteger(element, output);
                break;
            default:
                output.Write(Encoding.ASCII.GetBytes(element.GetRawText()));
                break;
        }
    }

    private static void WriteObject(JsonElement element, ArrayBufferWriter<byte> output)
    {
        output.Write("{"u8);
        bool first = true;

        // RFC 8785, 3.2.3: members sorted by the UTF-16 code units of their names.
        foreach (JsonProperty member in element.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal))
        {
            if (!first)
            {
                output.Write(","u8);
            }

            first = false;
            WriteString(member.Name, output);
            output.Write(":"u8);
            Write(member.Value, output);
        }

        output.Write("}"u8);
    }

    private static void WriteArray(JsonElement element, ArrayBufferWriter<byte> output)
    {
        output.Write("["u8);
        bool first = true;
        foreach (JsonElement item in element.EnumerateArray())
        {
            if (!first)
            {
                output.Write(","u8);
            }

            first = false;
            Write(item, output);
        }

        output.Write("]"u8);
    }

    private static void WriteInteger(JsonElement element, ArrayBufferWriter<byte> output)
    {
        string raw = element.GetRawText();
        if (!long.TryParse(raw, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) || value is > MaxInteger or < -MaxInteger)
        {
            throw new FedCloudException(ErrorCodes.JsonNotCanonical, "expected integers between -2^53 and 2^53, found another number");
        }

        output.Write(Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));
    }

    // RFC 8785, 3.2.2.2: only the quotation mark, the reverse solidus and control characters are escaped.
    private static void WriteString(string text, ArrayBufferWriter<byte> output)
    {
        StringBuilder escaped = new(text.Length + 2);
        escaped.Append('"');
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => escaped.Append("\\\""),
                '\\' => escaped.Append("\\\\"),
                '\b' => escaped.Append("\\b"),
                '\f' => escaped.Append("\\f"),
                '\n' => escaped.Append("\\n"),
                '\r' => escaped.Append("\\r"),
                '\t' => escaped.Append("\\t"),
                < ' ' => escaped.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture)),
                _ => escaped.Append(c),
            };
        }

        escaped.Append('"');
        output.Write(StrictUtf8.GetBytes(escaped.ToString()));
    }

    // Throws on a lone surrogate instead of writing a replacement character.
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
}
