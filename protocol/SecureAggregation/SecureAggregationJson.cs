// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Strict JSON of the bodies and of the epoch's parameters.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(EpochParams))]
[JsonSerializable(typeof(AdvertiseBody))]
[JsonSerializable(typeof(SharesBody))]
[JsonSerializable(typeof(ShareAckBody))]
[JsonSerializable(typeof(ComplaintBody))]
[JsonSerializable(typeof(RoundStartBody))]
[JsonSerializable(typeof(MaskedBody))]
[JsonSerializable(typeof(U3ListBody))]
[JsonSerializable(typeof(ConsistencyBody))]
[JsonSerializable(typeof(UnmaskBody))]
[JsonSerializable(typeof(ResultBody))]
[JsonSerializable(typeof(BurnedBody))]
[JsonSerializable(typeof(RollbackBody))]
public sealed partial class SecureAggregationJson : JsonSerializerContext;
