// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Signing;

namespace FedCloud.SiloAgent.Policies;

/// <summary>What the silo's administrator allows. Signed with the administrator's key; beats the coordinator.</summary>
public sealed record SiloPolicy
{
    /// <summary>The DSSE payload type of a policy.</summary>
    public const string PayloadType = "application/vnd.fedcloud.policy+json";

    /// <summary>The version of this form, 1.</summary>
    public required int V { get; init; }

    /// <summary>The federation that the silo serves.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The silo.</summary>
    public required SiloId SiloId { get; init; }

    /// <summary>The file of training examples.</summary>
    public required string TrainFile { get; init; }

    /// <summary>The file of evaluation examples.</summary>
    public required string EvalFile { get; init; }

    /// <summary>Whether the data set is public.</summary>
    public required bool PublicData { get; init; }

    /// <summary>Base models that may be trained; empty allows all.</summary>
    public required ImmutableArray<Sha256Digest> BaseModels { get; init; }

    /// <summary>Whether plain mode is allowed, in which the coordinator could open single updates.</summary>
    public required bool AllowPlainMode { get; init; }

    /// <summary>The most rounds of a plan.</summary>
    public required int MaxRounds { get; init; }

    /// <summary>The most optimizer steps of a round.</summary>
    public required int MaxLocalSteps { get; init; }

    /// <summary>The smallest quorum of a plan.</summary>
    public required int MinQuorum { get; init; }

    /// <summary>The first hour of the day (UTC) in which rounds are taken, 0 to 23.</summary>
    public required int FromHour { get; init; }

    /// <summary>The hour (UTC) before which rounds are taken, 1 to 24; below <see cref="FromHour"/> it means the next day.</summary>
    public required int UntilHour { get; init; }

    /// <summary>The declared count that weighs this silo's update where a plan asks for it; public.</summary>
    public required long DeclaredWeight { get; init; }

    /// <summary>Threads for the trainer.</summary>
    public required int Threads { get; init; }

    /// <summary>Memory for the trainer in MiB; 0 means no limit.</summary>
    public required long MaxMemoryMib { get; init; }

    /// <summary>Whether the evaluation loss may leave the silo when a plan without privacy asks for it.</summary>
    public required bool DiscloseEvalLoss { get; init; }

    /// <summary>The other members whose fingerprints the administrator confirmed over another channel.</summary>
    public required ImmutableArray<ConfirmedMember> ConfirmedMembers { get; init; }

    /// <summary>The fingerprint of a new log key that the administrator confirmed over another channel; null for none.</summary>
    public Sha256Digest? ConfirmedLogKey { get; init; }

    /// <summary>Whether plans that the policy does not refuse are approved at once; null means <see cref="PlanApproval.Automatic"/> and keeps the signed bytes of older policies.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PlanApproval? Approval { get; init; }

    /// <summary>Plans that the administrator has read, by <c>config_sha256</c>: approved at once, whatever the bounds of plans below are; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ImmutableArray<Sha256Digest>? Plans { get; init; }

    /// <summary>The purposes that plans may have, word for word; null for any.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ImmutableArray<string>? Purposes { get; init; }

    /// <summary>The privacy budget of the data set; null where plans with a privacy claim are refused, since nobody would account for them.</summary>
    public LedgerPolicy? Ledger { get; init; }

    /// <summary>The administrator's signature, in base64, by which the budget's entries name this policy; null for one that was not read from its envelope. It stays in the silo.</summary>
    [JsonIgnore]
    public string? ApprovalSig { get; init; }

    /// <summary>Reads and verifies a signed policy.</summary>
    /// <param name="path">The file.</param>
    /// <param name="administrator">The administrator's key.</param>
    /// <exception cref="FedCloudException"><c>policy_signature</c> or <c>policy_malformed</c>.</exception>
    public static SiloPolicy Read(string path, VerificationKey administrator)
    {
        byte[] file;
        try
        {
            file = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.PolicySignature, "expected a signed policy, found none that can be read", cause: error);
        }

        return Open(file, administrator);
    }

    /// <summary>Verifies a signed policy.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="administrator">The administrator's key.</param>
    /// <exception cref="FedCloudException"><c>policy_signature</c> or <c>policy_malformed</c>.</exception>
    public static SiloPolicy Open(ReadOnlySpan<byte> file, VerificationKey administrator)
    {
        ArgumentNullException.ThrowIfNull(administrator);
        DsseEnvelope envelope;
        try
        {
            envelope = StrictJson.Deserialize(file, Protocol.Messages.FrameJson.Default.DsseEnvelope) ?? throw new JsonException("null");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.PolicySignature, "the policy file is not a signed envelope", cause: error);
        }

        if (!string.Equals(envelope.PayloadType, PayloadType, StringComparison.Ordinal) || envelope.Signatures.IsDefault || !envelope.IsSignedBy(administrator))
        {
            throw new FedCloudException(ErrorCodes.PolicySignature, "expected the signature of the administrator's key, found another or a changed policy");
        }

        return Parse(envelope.Payload) with { ApprovalSig = Convert.ToBase64String(envelope.Signatures[0].Sig) };
    }

    /// <summary>Reads a policy and checks every value.</summary>
    /// <exception cref="FedCloudException"><c>policy_malformed</c>, with the field.</exception>
    public static SiloPolicy Parse(ReadOnlySpan<byte> json)
    {
        SiloPolicy policy;
        try
        {
            policy = StrictJson.Deserialize(json, SiloPolicyJson.Default.SiloPolicy) ?? throw new JsonException("null");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.PolicyMalformed, $"{error.Path ?? "the text"} does not have the form of a policy", cause: error);
        }

        (string Field, bool Possible, string Expected)[] rules =
        [
            ("v", policy.V == 1, "1"),
            ("train_file", policy.TrainFile.Length > 0, "a path"),
            ("eval_file", policy.EvalFile.Length > 0, "a path"),
            ("base_models", !policy.BaseModels.IsDefault, "a list"),
            ("max_rounds", policy.MaxRounds >= 1, "at least 1"),
            ("max_local_steps", policy.MaxLocalSteps >= 1, "at least 1"),
            ("min_quorum", policy.MinQuorum >= 2, "at least 2"),
            ("from_hour", policy.FromHour is >= 0 and <= 23, "an hour from 0 to 23"),
            ("until_hour", policy.UntilHour is >= 1 and <= 24, "an hour from 1 to 24"),
            ("declared_weight", policy.DeclaredWeight >= 1, "at least 1"),
            ("threads", policy.Threads >= 1, "at least 1"),
            ("max_memory_mib", policy.MaxMemoryMib >= 0, "at least 0"),
            ("confirmed_members", !policy.ConfirmedMembers.IsDefault, "a list"),
            ("plans", policy.Plans is not { IsDefaultOrEmpty: true }, "at least one digest, or no such field"),
            ("purposes", policy.Purposes is not { } purposes || (!purposes.IsDefaultOrEmpty && purposes.All(purpose => purpose is { Length: > 0 })), "at least one text, or no such field"),
            .. policy.Ledger?.Rules() ?? [],
        ];
        (string field, _, string expected) = rules.FirstOrDefault(rule => !rule.Possible);
        return field is null ? policy : throw new FedCloudException(ErrorCodes.PolicyMalformed, $"{field}: expected {expected}, found another value");
    }

    /// <summary>The SHA-256 of the signed bytes.</summary>
    public Sha256Digest Digest() => Sha256Digest.Of(Jcs.Serialize(this, SiloPolicyJson.Default.SiloPolicy));

    /// <summary>Why the policy refuses a plan; null when it approves.</summary>
    public ErrorCode? Refusal(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (plan.IsPublic && !PublicData)
        {
            return ErrorCodes.DataNotPublic;
        }

        return plan.Federation != Federation || !(IsNamed(plan) || IsWithinBounds(plan)) ? ErrorCodes.PolicyRefused
            : Purposes is { } purposes && !purposes.Contains(plan.Purpose, StringComparer.Ordinal) ? ErrorCodes.PurposeRefused
            : Ledger is { } ledger ? ledger.Refusal(plan)
            : plan.Privacy.IsClaimed ? ErrorCodes.BudgetMissing
            : null;
    }

    /// <summary>Why the silo refuses a plan for a roster of this size: the policy, the rules of secure aggregation, or a declared weight that the plan does not accept; null when it approves.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="silos">n, the roster's size.</param>
    public ErrorCode? Refusal(RunConfig plan, int silos)
    {
        ErrorCode? refusal = Refusal(plan) ?? CompatibilityMatrix.RefusalsFor(plan, silos).FirstOrDefault()?.Code;
        bool tooLight = plan.Aggregation is { IsSecure: true, Weighting: Weighting.Declared } && DeclaredWeight < plan.Aggregation.Secure.WeightMin;
        return refusal ?? (tooLight ? ErrorCodes.WeightOutOfRange : null);
    }

    /// <summary>Whether the administrator decides about a plan that the policy does not refuse.</summary>
    public bool Asks(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return Approval == PlanApproval.Ask && !IsNamed(plan);
    }

    /// <summary>Whether rounds are taken at this time.</summary>
    public bool IsOpen(DateTimeOffset at)
    {
        int hour = at.UtcDateTime.Hour;
        return FromHour < UntilHour ? hour >= FromHour && hour < UntilHour : hour >= FromHour || hour < UntilHour;
    }

    /// <summary>Whether the evaluation loss of a run may leave the silo (privacy, section 8.3).</summary>
    public bool Discloses(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.AdmitsFigures && DiscloseEvalLoss;
    }

    /// <summary>Whether a round may be repeated from the same model without proof that the earlier one was never opened (secure-aggregation, J10): with public data, or a privacy claim, under which the repetition is charged.</summary>
    public bool MayRepeat(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.Privacy.IsClaimed || (PublicData && plan.IsPublic);
    }

    /// <summary>The weight of this silo's update.</summary>
    public long WeightIn(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.Aggregation.Weighting == Weighting.Uniform ? 1 : Math.Min(DeclaredWeight, plan.Aggregation.WeightMax);
    }

    private bool IsNamed(RunConfig plan) => Plans is { } named && named.Contains(plan.Digest);

    private bool IsWithinBounds(RunConfig plan) =>
        (BaseModels.IsEmpty || BaseModels.Contains(plan.BaseModel))
        && (AllowPlainMode || plan.Aggregation.IsSecure)
        && plan.Rounds <= MaxRounds
        && plan.Training.LocalSteps <= MaxLocalSteps
        && plan.Participation.Quorum >= MinQuorum;
}

/// <summary>Strict JSON of policies.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SiloPolicy))]
public sealed partial class SiloPolicyJson : JsonSerializerContext;
