// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Enrolment;

/// <summary>A count that is told as a range.</summary>
/// <param name="AtLeast">The smallest number, from 1.</param>
/// <param name="AtMost">The largest number, above the smallest.</param>
public sealed record CountRange(long AtLeast, long AtMost)
{
    internal bool IsRange => AtLeast >= 1 && AtMost > AtLeast;
}

/// <summary>What a silo tells the federation about its data: for whom it was collected and why it may be used, in words and ranges. Its join names it by hash.</summary>
/// <remarks>The log has the hash only. The card itself lies beside the rosters, for members and auditors; it holds no person's name and no exact number.</remarks>
public sealed record DataCard
{
    /// <summary>The DSSE payload type of a card.</summary>
    public const string PayloadType = "application/vnd.fedcloud.data-card+json";

    /// <summary>The most bytes of a card.</summary>
    public const int MaxBytes = 16 * 1024;

    private const int MaxText = 400;

    /// <summary>The version of this form, 1.</summary>
    public required int V { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The silo.</summary>
    public required SiloId SiloId { get; init; }

    /// <summary>What the data is, in a sentence or two.</summary>
    public required string Description { get; init; }

    /// <summary>What the silo lets it be used for.</summary>
    public required string Purpose { get; init; }

    /// <summary>The legal basis of that use.</summary>
    public required string LegalBasis { get; init; }

    /// <summary>The SHA-256 of the description of the records' fields.</summary>
    public required Sha256Digest SchemaSha256 { get; init; }

    /// <summary>How many records there are.</summary>
    public required CountRange Records { get; init; }

    /// <summary>How many persons they are about; null where they are about none, or it is not known.</summary>
    public CountRange? Persons { get; init; }

    /// <summary>The month in which the first record was collected, <c>yyyy-MM</c>.</summary>
    public required string CollectedFrom { get; init; }

    /// <summary>The month in which the last one was.</summary>
    public required string CollectedUntil { get; init; }

    /// <summary>Whom to ask: a role and its address.</summary>
    public required string Contact { get; init; }

    /// <summary>The canonical bytes, whose SHA-256 the join names.</summary>
    public byte[] ToJcs() => Jcs.Serialize(this, DataCardJson.Default.DataCard);

    /// <summary>Reads a card that an administrator wrote, in any order and spacing.</summary>
    /// <exception cref="FedCloudException"><c>data_card_malformed</c>, with the field.</exception>
    public static DataCard Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return Checked(StrictJson.Deserialize(json, DataCardJson.Default.DataCard) ?? throw new JsonException("null"));
        }
        catch (JsonException error)
        {
            throw Malformed($"{error.Path ?? "the text"} does not have the form of a data card", error);
        }
    }

    /// <summary>Reads a card that a silo sent: canonical, and of that silo.</summary>
    /// <exception cref="FedCloudException"><c>json_not_canonical</c>, <c>body_malformed</c>, <c>data_card_malformed</c>.</exception>
    public static DataCard Parse(ReadOnlySpan<byte> bytes) => Checked(Jcs.Parse(bytes, DataCardJson.Default.DataCard, "data card"));

    private static DataCard Checked(DataCard card)
    {
        (string Field, bool Possible, string Expected)[] rules =
        [
            ("v", card.V == 1, "1"),
            ("description", IsText(card.Description), Text),
            ("purpose", IsText(card.Purpose), Text),
            ("legal_basis", IsText(card.LegalBasis), Text),
            ("contact", IsText(card.Contact), Text),
            ("records", card.Records.IsRange, "a range: at_least from 1, at_most above it"),
            ("persons", card.Persons is null or { IsRange: true }, "a range: at_least from 1, at_most above it"),
            ("collected_from", MonthOf(card.CollectedFrom) is not null, "a month, yyyy-MM"),
            ("collected_until", MonthOf(card.CollectedUntil) >= MonthOf(card.CollectedFrom), "a month, yyyy-MM, not before collected_from"),
        ];
        (string field, _, string expected) = rules.FirstOrDefault(rule => !rule.Possible);
        return field is null ? card : throw Malformed($"{field}: expected {expected}, found another value", cause: null);
    }

    private static string Text => string.Create(CultureInfo.InvariantCulture, $"a text of 1 to {MaxText} printable characters");

    private static bool IsText(string text) => text.Length is >= 1 and <= MaxText && !text.Any(char.IsControl);

    private static DateOnly? MonthOf(string text) => DateOnly.TryParseExact(text, "yyyy-MM", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly month) ? month : null;

    private static FedCloudException Malformed(string found, Exception? cause) => new(ErrorCodes.DataCardMalformed, found, cause: cause);
}

/// <summary>Strict JSON of data cards.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DataCard))]
public sealed partial class DataCardJson : JsonSerializerContext;
