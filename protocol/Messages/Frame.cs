// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Messages;

/// <summary>A blob that a message points at.</summary>
public sealed record FrameBlob
{
    /// <summary>What it is: <c>update</c>, <c>config</c>, <c>roster</c>, …</summary>
    public required string Role { get; init; }

    /// <summary>The container.</summary>
    public required string Container { get; init; }

    /// <summary>The blob's name.</summary>
    public required string Name { get; init; }

    /// <summary>Its length in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>The SHA-256 of its bytes.</summary>
    public required Sha256Digest Sha256 { get; init; }
}

/// <summary>An unsigned message that only routes. All authority is in the signed bodies that it carries (secure-aggregation, section 4.1).</summary>
public sealed record Frame
{
    /// <summary>The frame version that this code writes and reads.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The largest frame, in bytes; anything larger goes by claim check. A message broker's 256 KiB hold it with its properties.</summary>
    public const int MaxBytes = 240 * 1024;

    /// <summary>The frame's version.</summary>
    public required int V { get; init; }

    /// <summary>The message id.</summary>
    public required MessageId Id { get; init; }

    /// <summary><c>coordinator</c> or a silo's id.</summary>
    public required string To { get; init; }

    /// <summary>The run, where there is one.</summary>
    public required RunId? Run { get; init; }

    /// <summary>The round, where there is one.</summary>
    public required int? Round { get; init; }

    /// <summary>The type of the first body, for routing.</summary>
    public required string Type { get; init; }

    /// <summary>The W3C trace context, where tracing is on.</summary>
    public required string? Trace { get; init; }

    /// <summary>The signed bodies.</summary>
    public required ImmutableArray<DsseEnvelope> Envelopes { get; init; }

    /// <summary>Claim checks.</summary>
    public required ImmutableArray<FrameBlob> Blobs { get; init; }

    /// <summary>The frame as JSON.</summary>
    /// <exception cref="FedCloudException"><c>message_too_large</c>.</exception>
    public byte[] ToJson()
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(this, FrameJson.Default.Frame);
        return json.Length <= MaxBytes
            ? json
            : throw new FedCloudException(ErrorCodes.MessageTooLarge, $"expected at most {MaxBytes} bytes, found {json.Length}");
    }

    /// <summary>Reads a frame strictly.</summary>
    /// <exception cref="FedCloudException"><c>message_too_large</c>, <c>message_version</c>, <c>message_malformed</c> or <c>blob_name_malformed</c>.</exception>
    public static Frame FromJson(ReadOnlySpan<byte> json)
    {
        if (json.Length > MaxBytes)
        {
            throw new FedCloudException(ErrorCodes.MessageTooLarge, $"expected at most {MaxBytes} bytes, found {json.Length}");
        }

        RequireVersion(json);
        try
        {
            Frame frame = StrictJson.Deserialize(json, FrameJson.Default.Frame)
                ?? throw new FedCloudException(ErrorCodes.MessageMalformed, "expected a message frame, found null");
            frame.RequireNames();
            return frame;
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.MessageMalformed, $"{error.Path ?? "the text"} does not have the expected form", cause: error);
        }
    }

    // A newer sender may have members that this code does not know; its version explains more than "unknown member".
    private static void RequireVersion(ReadOnlySpan<byte> json)
    {
        int? version = null;
        try
        {
            Utf8JsonReader reader = new(json);
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1 && reader.ValueTextEquals("v"u8))
                {
                    reader.Read();
                    version = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int v) ? v : null;
                    break;
                }
            }
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.MessageMalformed, "expected JSON, found text that is not", cause: error);
        }

        if (version is { } found && found != CurrentVersion)
        {
            string age = found > CurrentVersion ? "a newer" : "an older";
            throw new FedCloudException(ErrorCodes.MessageVersion, $"expected frame version {CurrentVersion}, found {found} from {age} sender");
        }
    }

    private void RequireNames()
    {
        if (!string.Equals(To, "coordinator", StringComparison.Ordinal) && !Identifier.IsValid(To))
        {
            throw new FedCloudException(ErrorCodes.MessageMalformed, "expected a silo id or 'coordinator' as addressee, found another text");
        }

        if (Envelopes.IsDefault || Blobs.IsDefault || Envelopes.Any(envelope => envelope.Signatures.IsDefault))
        {
            throw new FedCloudException(ErrorCodes.MessageMalformed, "expected lists of envelopes, signatures and blobs, found null");
        }

        foreach (FrameBlob blob in Blobs)
        {
            BlobNames.Require(blob.Container, blob.Name);
        }
    }
}

/// <summary>Strict JSON of frames.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Frame))]
public sealed partial class FrameJson : JsonSerializerContext;
