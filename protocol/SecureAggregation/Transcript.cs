// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A complete run of one slot with all its secrets, as tests/vectors/README.md describes it. Test keys only.</summary>
internal sealed record Transcript
{
    public required TranscriptParams Params { get; init; }

    public required string EpochParamsJcs { get; init; }

    public required string Sid { get; init; }

    [JsonPropertyName("L1")]
    public required string L1 { get; init; }

    [JsonPropertyName("U2_hash")]
    public required string U2Hash { get; init; }

    public required string ModelSha256 { get; init; }

    public required string ConfigSha256 { get; init; }

    public required string Rid { get; init; }

    public required ImmutableSortedDictionary<int, TranscriptSilo> Silos { get; init; }

    public required ImmutableSortedDictionary<string, string> ShareCiphertexts { get; init; }

    public required ImmutableSortedDictionary<string, string> PairwiseKeys { get; init; }

    [JsonPropertyName("U3")]
    public required ImmutableArray<int> U3 { get; init; }

    [JsonPropertyName("U3_hash")]
    public required string U3Hash { get; init; }

    [JsonPropertyName("U5_responders")]
    public required ImmutableArray<int> U5Responders { get; init; }

    public required ImmutableArray<uint> AggregateZ { get; init; }

    public required ImmutableArray<long> AggregateSigned { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

internal sealed record TranscriptParams
{
    public required int N { get; init; }

    public required int T { get; init; }

    public required int D { get; init; }

    public required int K { get; init; }

    public required int Slot { get; init; }

    public int Slots { get; set; } = 1; // set, not init: the generated reader would overwrite the default

    public required long Round { get; init; }

    public required ImmutableArray<int> DropBeforeUpload { get; init; }

    public required ImmutableArray<int> DropAfterUpload { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

internal sealed record TranscriptSilo
{
    public required string IkSk { get; init; }

    public required string IkPk { get; init; }

    public required string CSk { get; init; }

    public required string CPk { get; init; }

    public required string SSk { get; init; }

    public required string SPk { get; init; }

    public required string B { get; init; }

    public required string AdvertiseJcs { get; init; }

    public required ImmutableArray<string> SharesS { get; init; }

    public required ImmutableArray<string> SharesB { get; init; }

    public required ImmutableArray<ImmutableArray<string>> ShareCommitments { get; init; }

    public required string SelfMaskKey { get; init; }

    public required ImmutableArray<uint> X { get; init; }

    public required ImmutableArray<uint>? Y { get; init; }

    public required string? YSha256 { get; init; }

    public required string? ConsistencySigP1363 { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ImmutableArray<Transcript>))]
internal sealed partial class TranscriptJson : JsonSerializerContext;
