// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit;

/// <summary>An entry of the log: what happened, who says so, and that actor's signature over the rest (audit-log, section 7).</summary>
public sealed record LogEntry
{
    /// <summary>The schema version that this code writes and reads.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The DSSE payload type under which an entry without its <c>dsse</c> member is signed.</summary>
    public const string PayloadType = "application/vnd.fedcloud.audit+json";

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    /// <summary>The schema version.</summary>
    public required int V { get; init; }

    /// <summary>The type; see <see cref="EntrySchema"/>.</summary>
    public required string Type { get; init; }

    /// <summary>When the actor journaled the entry: RFC 3339, UTC, seconds.</summary>
    public required string Time { get; init; }

    /// <summary>Who signs.</summary>
    public required EntryActor Actor { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The run, where there is one.</summary>
    public required RunId? Job { get; init; }

    /// <summary>The round, where there is one.</summary>
    public required int? Round { get; init; }

    /// <summary>Name to digest.</summary>
    public required ImmutableSortedDictionary<string, Sha256Digest> Subjects { get; init; }

    /// <summary>Name to value.</summary>
    public required ImmutableSortedDictionary<string, EntryField> Fields { get; init; }

    /// <summary>The number of this actor's entry, from 1 without gaps.</summary>
    public required long Seq { get; init; }

    /// <summary>The signature; null only before it is made.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public EntrySignature? Dsse { get; init; }

    /// <summary>The time as a value.</summary>
    [JsonIgnore]
    public DateTimeOffset Instant => ParseTime(Time) ?? throw new InvalidOperationException("the time is checked where an entry is read");

    /// <summary>The entry's identity, SHA-256 of the PAE. Another encoding of the signature does not make another entry.</summary>
    [JsonIgnore]
    public Sha256Digest Identity => Signing.Dsse.Identity(PayloadType, SignedBytes());

    /// <summary>Reads an entry strictly: canonical, of a known type, with exactly the members of its type.</summary>
    /// <remarks>The signature is not checked here; <see cref="EntryAuthority"/> does that, against the roster in force.</remarks>
    /// <exception cref="FedCloudException"><c>entry_too_large</c>, <c>json_not_canonical</c>, <c>body_malformed</c>, <c>entry_type_unknown</c>, <c>entry_malformed</c> or <c>entry_signer</c>.</exception>
    public static LogEntry Parse(ReadOnlySpan<byte> bytes)
    {
        EntryBundle.RequireLength(bytes.Length);
        LogEntry entry = Jcs.Parse(bytes, LogEntryJson.Default.LogEntry, "entry");
        entry.RequireShape();
        EntrySchema.Of(entry.Type).Require(entry);

        // Two texts of one signature would be two leaves: base64 with stray bits ends here.
        return entry.ToBytes().AsSpan().SequenceEqual(bytes)
            ? entry
            : throw Malformed("the bytes are not what the entry is written as");
    }

    /// <summary>The instant of a text in the one form that entries have, or null.</summary>
    public static DateTimeOffset? ParseTime(string text) =>
        DateTimeOffset.TryParseExact(text, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTimeOffset time) ? time : null;

    /// <summary>The text of an instant; fractions of a second are cut off.</summary>
    public static string FormatTime(DateTimeOffset time) => time.ToUniversalTime().ToString(TimeFormat, CultureInfo.InvariantCulture);

    /// <summary>The entry's bytes: the leaf of the log.</summary>
    /// <exception cref="FedCloudException"><c>entry_too_large</c>.</exception>
    public byte[] ToBytes()
    {
        byte[] bytes = Jcs.Serialize(this, LogEntryJson.Default.LogEntry);
        EntryBundle.RequireLength(bytes.Length);
        return bytes;
    }

    /// <summary>The bytes that the actor signs, inside the PAE: the entry without its <c>dsse</c> member.</summary>
    public byte[] SignedBytes() => Jcs.Serialize(this with { Dsse = null }, LogEntryJson.Default.LogEntry);

    /// <summary>The 32-byte digest that a key vault signs.</summary>
    public byte[] SigningDigest() => Signing.Dsse.SigningDigest(PayloadType, SignedBytes());

    /// <summary>The entry with a signature made elsewhere.</summary>
    /// <param name="signature">r‖s, 64 bytes.</param>
    public LogEntry WithSignature(byte[] signature) => this with
    {
        Dsse = new EntrySignature { PayloadType = PayloadType, KeyId = Actor.KeyId, Sig = signature },
    };

    /// <summary>The entry signed with a local key.</summary>
    public LogEntry Sign(ECDsa key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return WithSignature(key.SignHash(SigningDigest(), DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
    }

    /// <summary>Whether the signature is the key's.</summary>
    public bool IsSignedBy(VerificationKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Dsse is { } dsse
            && key.Fingerprint == Actor.KeyId
            && key.Verify(Signing.Dsse.Pae(PayloadType, SignedBytes()), dsse.Sig);
    }

    internal static FedCloudException Malformed(string found) => new(ErrorCodes.EntryMalformed, found);

    private void RequireShape()
    {
        if (V != CurrentVersion)
        {
            throw Malformed($"expected schema version {CurrentVersion}, found {V}");
        }

        if (ParseTime(Time) is null || Seq < 1 || Round < 0)
        {
            throw Malformed("expected a time in UTC and seconds, a number from 1 and a round that is not negative");
        }

        if (Dsse is not { } dsse || !string.Equals(dsse.PayloadType, PayloadType, StringComparison.Ordinal) || dsse.KeyId != Actor.KeyId || dsse.Sig.Length != 64)
        {
            throw Malformed("expected 64 bytes of signature under the actor's key and the payload type of entries");
        }

        bool known = Actor.Kind is EntryActor.Silo or EntryActor.Admin
            ? Identifier.IsValid(Actor.Id)
            : string.Equals(Actor.Kind, EntryActor.Coordinator, StringComparison.Ordinal) && string.Equals(Actor.Id, EntryActor.Coordinator, StringComparison.Ordinal);
        if (!known)
        {
            throw Malformed("expected a silo, its administrator or the coordinator as actor, found another");
        }
    }
}

/// <summary>Strict JSON of entries.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(LogEntry))]
public sealed partial class LogEntryJson : JsonSerializerContext;
