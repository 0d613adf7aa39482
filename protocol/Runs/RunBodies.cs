// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;

namespace FedCloud.Protocol.Runs;

/// <summary>The names that appear in the signed bodies around a run's rounds (docs/protocol.md).</summary>
public static class RunBody
{
    /// <summary>The DSSE payload type of the offer, its answer and the end of a run.</summary>
    public const string PayloadType = "application/vnd.fedcloud.run+json";

    /// <summary>The DSSE payload type of <see cref="MetricsBody"/> (privacy, section 8.3).</summary>
    public const string MetricsPayloadType = "application/vnd.fedcloud.metrics+json";

    /// <summary>Coordinator to silos: a plan is offered.</summary>
    public const string Offer = "plan_offer";

    /// <summary>Silo to coordinator: the plan is approved or refused.</summary>
    public const string Answer = "plan_answer";

    /// <summary>Coordinator to silos: the run is over.</summary>
    public const string Ended = "run_ended";

    /// <summary>Coordinator to silos: a round under secure aggregation made this version.</summary>
    public const string Version = "version_committed";

    /// <summary>Coordinator to a silo: an upload is encrypted for a key version that has ended.</summary>
    public const string UploadAgain = "upload_again";

    /// <summary>In <see cref="UploadAgainBody.Upload"/>: an update, plain or masked.</summary>
    public const string Update = "update";

    /// <summary>In <see cref="UploadAgainBody.Upload"/>: revealed shares.</summary>
    public const string Shares = "shares";

    /// <summary>Silo to coordinator: evaluation figures that plan and policy disclose.</summary>
    public const string Metrics = "metrics";
}

/// <summary>Offers a plan to a silo. Signed by the coordinator's key. The configuration's bytes travel beside it.</summary>
public sealed record PlanOfferBody
{
    /// <summary>Always <see cref="RunBody.Offer"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The roster under which the run is offered.</summary>
    public required Sha256Digest RosterSha256 { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The hash of the run's configuration.</summary>
    public required Sha256Digest ConfigSha256 { get; init; }

    /// <summary>The SHA-256 of model version 0, which every silo recomputes.</summary>
    public required Sha256Digest InitialModelSha256 { get; init; }

    /// <summary>When the coordinator stops waiting for answers, in Unix seconds. A later approval counts from the next round on.</summary>
    public required long AnswerBy { get; init; }
}

/// <summary>Approves or refuses a plan. Signed by the silo's identity key.</summary>
public sealed record PlanAnswerBody
{
    /// <summary>Always <see cref="RunBody.Answer"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The hash of the configuration that is answered.</summary>
    public required Sha256Digest ConfigSha256 { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>Whether the silo takes part.</summary>
    public required bool Approved { get; init; }

    /// <summary>Why not, as a code of the error vocabulary; empty when approved.</summary>
    public required string Reason { get; init; }
}

/// <summary>Ends a run. Signed by the coordinator's key.</summary>
public sealed record RunEndedBody
{
    /// <summary>Always <see cref="RunBody.Ended"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary><c>completed</c>, <c>failed</c> or <c>cancelled</c>.</summary>
    public required string Outcome { get; init; }

    /// <summary>Why, as a code of the error vocabulary; empty when completed.</summary>
    public required string Reason { get; init; }

    /// <summary>The round number that an evaluation of the final model is filed under: one above the last round.</summary>
    public required int EvaluationRound { get; init; }

    /// <summary>The last committed version.</summary>
    public required int ModelVersion { get; init; }

    /// <summary>The SHA-256 of the last committed version.</summary>
    public required Sha256Digest ModelSha256 { get; init; }
}

/// <summary>Evaluation figures of the model that a round starts from. Signed by the silo's identity key.</summary>
public sealed record MetricsBody
{
    /// <summary>The mean loss of the evaluation examples, natural log per token.</summary>
    public const string EvalLoss = "eval_loss";

    /// <summary>No figure is as large as this.</summary>
    public const long Limit = 1_000_000_000_000_000;

    private const int MostValues = 16;
    private const int LongestName = 64;

    /// <summary>Always <see cref="RunBody.Metrics"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round that starts from the evaluated model; one above the last round for the final model.</summary>
    public required int Round { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>Name to value; reals as decimal strings. Known: <see cref="EvalLoss"/>.</summary>
    public required ImmutableSortedDictionary<string, string> Values { get; init; }

    /// <summary>The value of <see cref="EvalLoss"/>; null where it is not disclosed.</summary>
    [JsonIgnore]
    public decimal? EvalLossValue => Values.TryGetValue(EvalLoss, out string? value) ? DecimalString.Parse(value) : null;

    /// <summary>Reads a body whose signature was verified.</summary>
    /// <exception cref="FedCloudException"><c>json_not_canonical</c> or <c>body_malformed</c>.</exception>
    public static MetricsBody Parse(ReadOnlySpan<byte> payload)
    {
        MetricsBody body = Jcs.Parse(payload, RunBodyJson.Default.MetricsBody, RunBody.Metrics);
        return string.Equals(body.Type, RunBody.Metrics, StringComparison.Ordinal) && body.Values.Count <= MostValues && body.Values.All(value => value.Key.Length <= LongestName && DecimalString.Parse(value.Value) is > -Limit and < Limit)
            ? body
            : throw new FedCloudException(ErrorCodes.BodyMalformed, $"metrics: expected at most {MostValues} decimal strings between -{Limit} and {Limit}, found another form");
    }
}

/// <summary>Names the version that a round under secure aggregation made, which the round's result does not. Signed by the coordinator's key; the log has the same hashes.</summary>
public sealed record VersionBody
{
    /// <summary>Always <see cref="RunBody.Version"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round.</summary>
    public required int Round { get; init; }

    /// <summary>The round's identity.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The number of the version.</summary>
    public required int ModelVersion { get; init; }

    /// <summary>The SHA-256 of its bytes.</summary>
    public required Sha256Digest ModelSha256 { get; init; }
}

/// <summary>Asks a silo to encrypt an upload again, the same bytes for the newest version of the wrapping key (keys and identity, section 5). Signed by the coordinator's key, whose statement of that version travels beside it.</summary>
public sealed record UploadAgainBody
{
    /// <summary>Always <see cref="RunBody.UploadAgain"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round.</summary>
    public required int Round { get; init; }

    /// <summary>The round's identity.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The silo's index in the round.</summary>
    public required int Idx { get; init; }

    /// <summary>What was uploaded: <c>update</c>, also a masked one, or <c>shares</c>.</summary>
    public required string Upload { get; init; }

    /// <summary>The attempt whose envelope does not open.</summary>
    public required int Attempt { get; init; }
}

/// <summary>Strict JSON of the run bodies.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PlanOfferBody))]
[JsonSerializable(typeof(PlanAnswerBody))]
[JsonSerializable(typeof(RunEndedBody))]
[JsonSerializable(typeof(VersionBody))]
[JsonSerializable(typeof(UploadAgainBody))]
[JsonSerializable(typeof(MetricsBody))]
public sealed partial class RunBodyJson : JsonSerializerContext;
