// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Plans;

/// <summary>The rule by which adapters are combined.</summary>
[JsonConverter(typeof(AlgorithmJsonConverter))]
public enum Algorithm
{
    /// <summary>A stays as the seed made it; B is averaged (Sun et al. 2024). Exact.</summary>
    FfaLora,

    /// <summary>B and A are averaged in alternate rounds, B first (Chen et al. 2024). Exact.</summary>
    Rolora,

    /// <summary>A and B are averaged in every round (FedIT; Zhang et al. 2024). Inexact: mean(B)·mean(A) is not mean(B·A).</summary>
    Fedavg,
}

/// <summary>How updates are weighted in the mean.</summary>
[JsonConverter(typeof(WeightingJsonConverter))]
public enum Weighting
{
    /// <summary>Every silo counts the same.</summary>
    Uniform,

    /// <summary>By the count that the silo's administrator declares in its policy; it is public.</summary>
    Declared,
}

/// <summary>The learning-rate schedule over global steps.</summary>
[JsonConverter(typeof(ScheduleJsonConverter))]
public enum Schedule
{
    /// <summary>Linear warm-up, then half a cosine down to zero at the run's last step (Loshchilov and Hutter 2017).</summary>
    Cosine,

    /// <summary>Linear warm-up, then constant.</summary>
    Constant,
}

/// <summary>The optimizer that the coordinator applies to the mean update (Reddi et al. 2021, Algorithm 2).</summary>
[JsonConverter(typeof(ServerRuleJsonConverter))]
public enum ServerRule
{
    /// <summary>x += lr · Δ.</summary>
    Sgd,

    /// <summary>FedAvgM (Hsu et al. 2019): v = β₁ v + Δ; x += lr · v.</summary>
    Momentum,

    /// <summary>FedAdam.</summary>
    Adam,

    /// <summary>FedYogi.</summary>
    Yogi,

    /// <summary>FedAdagrad.</summary>
    Adagrad,
}

/// <summary>The LoRA adapter (Hu et al. 2022).</summary>
public sealed record LoraPlan
{
    /// <summary>The rank r of modules that <see cref="RankPattern"/> does not name.</summary>
    public required int Rank { get; init; }

    /// <summary>Alpha; the product B·A is scaled by alpha / rank, or by alpha / √rank with rsLoRA.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal Alpha { get; init; }

    /// <summary>The names of the linear modules that get an adapter, sorted.</summary>
    public required ImmutableArray<string> TargetModules { get; init; }

    /// <summary>Always <c>seed</c>: A of version 0 from <see cref="InitSeed"/>, B zero.</summary>
    public required string Init { get; init; }

    /// <summary>The seed of A in version 0.</summary>
    public required long InitSeed { get; init; }

    /// <summary><c>standard</c> or <c>rslora</c>; null means standard.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Scaling { get; init; }

    /// <summary>Ranks of some modules, by name or its last parts; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ImmutableSortedDictionary<string, int>? RankPattern { get; init; }

    /// <summary>Alphas of some modules, likewise.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonConverter(typeof(DecimalMapJsonConverter))]
    public ImmutableSortedDictionary<string, decimal>? AlphaPattern { get; init; }

    /// <summary>Whether the product is scaled by alpha over the root of the rank.</summary>
    [JsonIgnore]
    public bool IsRankStabilized => string.Equals(Scaling, "rslora", StringComparison.Ordinal);

    /// <summary>Rank and scaling of each adapted module.</summary>
    public LoraForm Form() => new(Rank, (double)Alpha)
    {
        IsRankStabilized = IsRankStabilized,
        RankPattern = LoraForm.LongestFirst(RankPattern ?? ImmutableSortedDictionary<string, int>.Empty),
        AlphaPattern = LoraForm.LongestFirst((AlphaPattern ?? ImmutableSortedDictionary<string, decimal>.Empty).Select(one => KeyValuePair.Create(one.Key, (double)one.Value))),
    };
}

/// <summary>What each silo's trainer does in a round.</summary>
public sealed record TrainingPlan
{
    /// <summary>Optimizer steps a round.</summary>
    public required int LocalSteps { get; init; }

    /// <summary>Examples in a micro-batch.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Micro-batches a step.</summary>
    public required int GradientAccumulation { get; init; }

    /// <summary>The longest example, in tokens; longer ones are truncated and counted.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>AdamW's peak learning rate.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal LearningRate { get; init; }

    /// <summary>The schedule over global steps.</summary>
    public required Schedule Schedule { get; init; }

    /// <summary>Steps of linear warm-up at the beginning of the run.</summary>
    public required int WarmupSteps { get; init; }

    /// <summary>AdamW's decoupled weight decay.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal WeightDecay { get; init; }

    /// <summary>AdamW's β₁.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal AdamBeta1 { get; init; }

    /// <summary>AdamW's β₂.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal AdamBeta2 { get; init; }

    /// <summary>AdamW's ε.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal AdamEpsilon { get; init; }

    /// <summary>The largest global L2 norm of a gradient; 0 switches clipping off.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal ClipNorm { get; init; }

    /// <summary>The seed of the order of examples.</summary>
    public required long Seed { get; init; }

    /// <summary>How many evaluation examples are scored a round; 0 means all.</summary>
    public required int EvaluationExamples { get; init; }

    /// <summary>Whether a silo without the device that its administrator named may train on the processor; null means it may not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? CpuFallback { get; init; }
}

/// <summary>The coordinator's optimizer.</summary>
public sealed record ServerOptimizerPlan
{
    /// <summary>The rule.</summary>
    public required ServerRule Name { get; init; }

    /// <summary>Its learning rate.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal LearningRate { get; init; }

    /// <summary>β₁ of momentum, adam and yogi.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal Beta1 { get; init; }

    /// <summary>β₂ of adam and yogi.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal Beta2 { get; init; }

    /// <summary>τ, the degree of adaptivity.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal Tau { get; init; }
}

/// <summary>How updates become a new version.</summary>
public sealed record AggregationPlan
{
    /// <summary><c>secure</c>: updates are masked, and only their sum opens; <c>plain</c>: single updates reach the coordinator, encrypted for its wrapping key.</summary>
    public required string Mode { get; init; }

    /// <summary>Whether updates are aggregated securely.</summary>
    [JsonIgnore]
    public bool IsSecure => string.Equals(Mode, "secure", StringComparison.Ordinal);

    /// <summary>The weighting.</summary>
    public required Weighting Weighting { get; init; }

    /// <summary>The largest declared weight.</summary>
    public required long WeightMax { get; init; }

    /// <summary>The optimizer applied to the mean.</summary>
    public required ServerOptimizerPlan ServerOptimizer { get; init; }

    /// <summary>The largest L2 norm of the mean update; null means no gate in plain mode, and in secure mode the norm that the clip implies.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public required decimal? AggregateNormMax { get; init; }

    /// <summary>How updates lie in the ring; without effect in plain mode.</summary>
    public required SecureAggregationPlan Secure { get; init; }
}

/// <summary>How updates lie in the ring of secure aggregation (secure-aggregation, section 8).</summary>
public sealed record SecureAggregationPlan
{
    /// <summary>k: 16, 24 or 32; 16 exactly with the Hadamard rotation.</summary>
    public required int RingBits { get; init; }

    /// <summary>b, the bits of one silo's coordinate; 0 means the largest that the overflow rule allows for the roster.</summary>
    public required int CoordinateBits { get; init; }

    /// <summary>C, the largest L2 norm of one silo's update; longer ones are scaled down.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal UpdateClip { get; init; }

    /// <summary>R, the largest absolute value of a coordinate; null means C, and then nothing is ever clamped.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public required decimal? Range { get; init; }

    /// <summary>The largest share of clamped coordinates, 0 to 1; above it the silo fails its round.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal ClampLimit { get; init; }

    /// <summary>The smallest declared count, of <see cref="AggregationPlan.WeightMax"/>, that is accepted.</summary>
    public required long WeightMin { get; init; }
}

/// <summary>Who must take part, and for how long the coordinator waits.</summary>
public sealed record ParticipationPlan
{
    /// <summary>Silos asked in a round; 0 means all that approved.</summary>
    public required int CohortSize { get; init; }

    /// <summary>The smallest number of updates that is aggregated.</summary>
    public required int Quorum { get; init; }

    /// <summary>The smallest number of approvals with which the run begins.</summary>
    public required int MinSilos { get; init; }

    /// <summary>Seconds from a round's start to its close.</summary>
    public required int RoundDeadline { get; init; }

    /// <summary>Seconds that a round waits for stragglers once the quorum has answered.</summary>
    public required int StragglerGrace { get; init; }

    /// <summary>Seconds for any other step of the protocol.</summary>
    public required int StepTimeout { get; init; }

    /// <summary>Seconds for the silos' answers to the plan; null means <see cref="StepTimeout"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? AnswerTimeout { get; init; }

    /// <summary>Rounds in a row that may be abandoned before the run fails.</summary>
    public required int MaxAbandonedRounds { get; init; }
}

/// <summary>What silos may report, where their policies allow it too.</summary>
public sealed record MetricsPlan
{
    /// <summary>The evaluation loss.</summary>
    public required bool EvalLoss { get; init; }
}

/// <summary>The configuration of a run: the validated plan with all defaults filled in and the run's id as <c>job</c>.</summary>
/// <remarks>Its hash, <c>config_sha256</c>, is the only plan hash and constant for the run (secure-aggregation, section 4). Reals are decimal strings.</remarks>
public sealed record RunConfig
{
    /// <summary>The version of this form.</summary>
    public required int V { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The adapter that the run makes versions of; an id.</summary>
    public required string Adapter { get; init; }

    /// <summary>What the run is for, in the submitter's words.</summary>
    public required string Purpose { get; init; }

    /// <summary>The legal basis on which the silos' data is used, in the submitter's words; null for none given.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? LegalBasis { get; init; }

    /// <summary>Which data the run is meant for, in the submitter's words; null for none given.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DataDescription { get; init; }

    /// <summary>Whom a silo may ask about the run; null for none given.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Contact { get; init; }

    /// <summary>The digest of the base model's manifest.</summary>
    public required Sha256Digest BaseModel { get; init; }

    /// <summary>Rounds to commit.</summary>
    public required int Rounds { get; init; }

    /// <summary>The rule.</summary>
    public required Algorithm Algorithm { get; init; }

    /// <summary>Consent to <see cref="Algorithm.Fedavg"/>'s inexact product.</summary>
    public required bool AcceptInexactLora { get; init; }

    /// <summary>The adapter's shape.</summary>
    public required LoraPlan Lora { get; init; }

    /// <summary>Local training.</summary>
    public required TrainingPlan Training { get; init; }

    /// <summary>Aggregation.</summary>
    public required AggregationPlan Aggregation { get; init; }

    /// <summary>Participation.</summary>
    public required ParticipationPlan Participation { get; init; }

    /// <summary><c>private</c> or <c>public</c> (privacy, section 8.3).</summary>
    public required string Data { get; init; }

    /// <summary>What is claimed about privacy, and how it is kept.</summary>
    public required PrivacyPlan Privacy { get; init; }

    /// <summary>Metrics.</summary>
    public required MetricsPlan Metrics { get; init; }

    /// <summary>The hash of the canonical bytes: <c>config_sha256</c>.</summary>
    [JsonIgnore]
    public Sha256Digest Digest => Sha256Digest.Of(ToJcs());

    /// <summary>Whether every silo lists its data set as public.</summary>
    [JsonIgnore]
    public bool IsPublic => string.Equals(Data, "public", StringComparison.Ordinal);

    /// <summary>Whether a silo's evaluation figures may leave it, where its policy allows it too: the plan asks for them, and claims nothing that they would break (privacy, section 8.3).</summary>
    [JsonIgnore]
    public bool AdmitsFigures => Metrics.EvalLoss && (IsPublic || !Privacy.IsClaimed);

    /// <summary>Optimizer steps of the whole run at each silo: the length of the learning-rate schedule.</summary>
    [JsonIgnore]
    public long TotalSteps => (long)Rounds * Training.LocalSteps;

    /// <summary>The canonical bytes.</summary>
    public byte[] ToJcs() => Jcs.Serialize(this, RunConfigJson.Default.RunConfig);

    /// <summary>Reads a configuration strictly: canonical, known fields, all bounds, and a combination that is right.</summary>
    /// <exception cref="FedCloudException"><c>json_not_canonical</c>, <c>body_malformed</c>, <c>plan_invalid_value</c>, or a code of the compatibility matrix.</exception>
    public static RunConfig Parse(ReadOnlySpan<byte> bytes)
    {
        RunConfig config = Jcs.Parse(bytes, RunConfigJson.Default.RunConfig, "run configuration");
        PlanSchema.RequireBounds(bytes);
        if (CompatibilityMatrix.Refusals(config).FirstOrDefault() is { } refusal)
        {
            throw new FedCloudException(refusal.Code, refusal.Reason);
        }

        return config;
    }

    /// <summary>The factors that train and travel in the round after so many committed ones.</summary>
    public ExchangedFactor FactorsOf(int committedRounds) => Algorithm switch
    {
        Algorithm.FfaLora => ExchangedFactor.B,
        Algorithm.Rolora => committedRounds % 2 == 0 ? ExchangedFactor.B : ExchangedFactor.A,
        _ => ExchangedFactor.Both,
    };

    /// <summary>The first global step of the round after so many committed ones, from 0.</summary>
    public long GlobalStepAt(int committedRounds) => (long)committedRounds * Training.LocalSteps;
}

/// <summary>Strict JSON of run configurations.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunConfig))]
public sealed partial class RunConfigJson : JsonSerializerContext;
