// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Reports.Texts;

/// <summary>What a person says where nothing in the evidence can: marked as such, with the person's role (compliance reports, rule C5).</summary>
internal sealed record OperatorTexts
{
    /// <summary>The largest file, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    private const int MaxRole = 80;
    private const int MaxText = 8000;

    /// <summary>No texts.</summary>
    public static OperatorTexts None { get; } = new() { V = 1, AuthorRole = string.Empty, Texts = ImmutableSortedDictionary<string, string>.Empty };

    /// <summary>The version of this record's shape: 1.</summary>
    public required int V { get; init; }

    /// <summary>The role of who wrote them, such as <c>data protection officer</c>; never a name.</summary>
    public required string AuthorRole { get; init; }

    /// <summary>Key to text.</summary>
    public required ImmutableSortedDictionary<string, string> Texts { get; init; }

    /// <summary>Reads a file strictly.</summary>
    /// <param name="json">The file.</param>
    /// <param name="keys">The keys that reports know; a text under another would silently be missing.</param>
    /// <exception cref="FedCloudException"><c>report_texts_malformed</c>.</exception>
    public static OperatorTexts Parse(ReadOnlySpan<byte> json, IReadOnlySet<string> keys)
    {
        OperatorTexts texts = Read(json);
        if (texts.V != 1 || !IsText(texts.AuthorRole, MaxRole) || texts.AuthorRole.Contains('\n', StringComparison.Ordinal))
        {
            throw Malformed($"expected version 1 and an author_role of at most {MaxRole} characters, found another");
        }

        foreach ((string key, string text) in texts.Texts)
        {
            if (!keys.Contains(key))
            {
                throw Malformed($"no report knows the key '{string.Concat(key.Take(60).Select(c => c is >= ' ' and <= '~' ? c : '?'))}'");
            }

            if (!IsText(text, MaxText))
            {
                throw Malformed($"{key}: expected 1 to {MaxText} characters, of control characters only newlines");
            }
        }

        return texts;
    }

    private static OperatorTexts Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return json.Length <= MaxBytes && StrictJson.Deserialize(json, OperatorTextsJson.Default.OperatorTexts) is { } texts
                ? texts
                : throw Malformed($"expected an object of at most {MaxBytes} bytes, found another");
        }
        catch (JsonException error)
        {
            throw Malformed($"{error.Path ?? "the text"} does not have the expected form", error);
        }
    }

    private static bool IsText(string text, int most) => text.Length > 0 && text.Length <= most && !string.IsNullOrWhiteSpace(text) && !text.Any(c => char.IsControl(c) && c != '\n');

    private static FedCloudException Malformed(string found, Exception? cause = null) => new(ErrorCodes.ReportTextsMalformed, found, cause: cause);
}

/// <summary>Strict JSON of a report's texts.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(OperatorTexts))]
internal sealed partial class OperatorTextsJson : JsonSerializerContext;
