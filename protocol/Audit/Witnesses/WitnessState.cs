// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>What a witness keeps on disk: the last checkpoint that it signed (audit-log, W2).</summary>
/// <remarks>The note is kept with the log's own lines, so that it is evidence if the log forks.</remarks>
public sealed record WitnessState
{
    /// <summary>The version that this code writes and reads.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The version of this record's shape.</summary>
    public required int V { get; init; }

    /// <summary>The signed note of the checkpoint.</summary>
    public required string Note { get; init; }

    /// <summary>The note.</summary>
    [JsonIgnore]
    public SignedNote Signed => SignedNote.Parse(Encoding.UTF8.GetBytes(Note));

    /// <summary>The state after signing a checkpoint.</summary>
    public static WitnessState Of(SignedNote note)
    {
        ArgumentNullException.ThrowIfNull(note);
        return new WitnessState { V = CurrentVersion, Note = Encoding.UTF8.GetString(note.ToBytes()) };
    }

    /// <summary>The state as JSON.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, WitnessStateJson.Default.WitnessState);

    /// <summary>Reads a state. One that cannot be read is no state: the witness then reads the whole log again.</summary>
    public static WitnessState? TryParse(ReadOnlySpan<byte> json)
    {
        try
        {
            WitnessState? state = StrictJson.Deserialize(json, WitnessStateJson.Default.WitnessState);
            bool usable = state is { V: CurrentVersion } && Checkpoint.Parse(state.Signed.Text).Size > 0;
            return usable ? state : null;
        }
        catch (Exception error) when (error is JsonException or FedCloudException)
        {
            return null;
        }
    }
}

/// <summary>Strict JSON of a witness's state.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(WitnessState))]
public sealed partial class WitnessStateJson : JsonSerializerContext;
