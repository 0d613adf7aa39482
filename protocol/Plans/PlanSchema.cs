// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Plans;

/// <summary>The one table of a plan's fields. Reading, bounds, the documentation and <c>plan explain</c> all come from it.</summary>
public static class PlanSchema
{
    /// <summary>The field that chooses between secure and plain mode.</summary>
    internal const string Mode = "aggregation.mode";

    /// <summary>The field that says what is claimed about privacy; <c>privacy: WORD</c> is short for it.</summary>
    internal const string Claim = "privacy.claim";

    /// <summary>The field that says what is protected as one.</summary>
    internal const string Unit = "privacy.unit";

    /// <summary>The section of a plan that holds <see cref="Claim"/>.</summary>
    internal const string Privacy = "privacy";

    private static readonly RealType Fraction = new(0, 0.999999m);
    private static readonly RealType Positive = new(0, 10, AboveMin: true);
    private static readonly RealType Norm = new(0, 1_000_000_000, AboveMin: true);
    private static readonly IntegerType Rank = new(1, 1024);
    private static readonly RealType Alpha = new(0, 4096, AboveMin: true);
    private static readonly IntegerType Seed = new(0, (1L << 53) - 1);

    /// <summary>The fields, in the order of the documentation.</summary>
    public static ImmutableArray<PlanField> Fields { get; } =
    [
        new("v", new IntegerType(1, 1), "1", string.Empty, "The version of the plan format."),
        new("job", new IdType(), null, string.Empty, "The run's id; the command that submits the plan fills it in."),
        new("federation", new IdType(), null, string.Empty, "The federation; filled in from the coordinator that the plan is submitted to."),
        new("adapter", new IdType(), "adapter", string.Empty, "The name under which versions of the adapter are published."),
        new("purpose", new TextType(200), string.Empty, string.Empty, "What the run is for, shown to every silo that is asked to approve it."),
        new("legal_basis", new OptionalType(new TextType(200)), null, string.Empty, "The legal basis on which the silos' data is used, as 'GDPR 9(2)(j)'; shown to every silo that is asked."),
        new("data_description", new OptionalType(new TextType(400)), null, string.Empty, "Which data the run is meant for; shown to every silo that is asked, which compares it with its own."),
        new("contact", new OptionalType(new TextType(200)), null, string.Empty, "Whom a silo may ask about the run: a role and its address, no person's name."),
        new("base_model", new DigestType(), null, string.Empty, "The digest of the base model; filled in from the base model that is uploaded with the plan."),
        new("rounds", new IntegerType(1, 10_000), "5", "rounds", "How many rounds are committed before the run is complete; abandoned rounds do not count."),
        new("algorithm", new ChoiceType(["ffa_lora", "rolora", "fedavg"], [.. CompatibilityMatrix.RefusedAlgorithms.Keys]), "ffa_lora", string.Empty, "Which factors train and travel: B only (ffa_lora), B and A in alternate rounds (rolora), or both (fedavg)."),
        new("accept_inexact_lora", new BooleanType(), "false", string.Empty, "Needed for fedavg: the average of A and of B is not the average of their products."),
        new("lora.rank", Rank, "8", string.Empty, "The rank r of every adapted module that lora.rank_pattern does not name."),
        new("lora.rank_pattern", new OptionalType(new ModulePatternType(Rank)), null, string.Empty, "Ranks of some modules, by name or its last parts, as {q_proj: 16}; of two names that fit a module the longer counts."),
        new("lora.alpha", Alpha, "16", string.Empty, "The product of B and A is scaled by alpha / rank, unless lora.scaling says otherwise."),
        new("lora.alpha_pattern", new OptionalType(new ModulePatternType(Alpha)), null, string.Empty, "Alphas of some modules, likewise."),
        new("lora.scaling", new OptionalType(new ChoiceType(["standard", "rslora"], [])), null, string.Empty, "What alpha is divided by: the rank (standard, also when absent), or its square root (rslora), which keeps large ranks from learning less."),
        new("lora.target_modules", new ModuleNamesType(), "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj", string.Empty, "The linear modules that get an adapter, by the last part of their name."),
        new("lora.init", new ChoiceType(["seed"], [.. CompatibilityMatrix.RefusedInits.Keys]), "seed", string.Empty, "How version 0 is made: A from lora.init_seed and B zero, which everyone recomputes."),
        new("lora.init_seed", Seed, "1", string.Empty, "The seed from which everyone recomputes A of version 0; B is zero."),
        new("training.local_steps", new IntegerType(1, 100_000), "20", "steps", "Optimizer steps at each silo in each round."),
        new("training.batch_size", new IntegerType(1, 4096), "8", "examples", "Examples in a micro-batch."),
        new("training.gradient_accumulation", new IntegerType(1, 1024), "1", "micro-batches", "Micro-batches whose gradients make one step."),
        new("training.sequence_length", new IntegerType(8, 131_072), "128", "tokens", "The longest sequence, at most the base model's positions; longer examples are truncated, counted and reported at the silo."),
        new("training.learning_rate", Positive, "0.001", string.Empty, "AdamW's peak learning rate; AdamW starts afresh in each round, the schedule does not. With claim distributed and unit record, the rate of the round's one plain gradient step."),
        new("training.schedule", new ChoiceType(["cosine", "constant"], []), "cosine", string.Empty, "What follows the warm-up: half a cosine to zero at the run's last step, or a constant rate."),
        new("training.warmup_steps", new IntegerType(0, 1_000_000), "10", "steps", "Steps of linear warm-up at the beginning of the run."),
        new("training.weight_decay", new RealType(0, 10), "0", string.Empty, "AdamW's decoupled weight decay."),
        new("training.adam_beta1", Fraction, "0.9", string.Empty, "AdamW's decay of the first moment."),
        new("training.adam_beta2", Fraction, "0.999", string.Empty, "AdamW's decay of the second moment."),
        new("training.adam_epsilon", new RealType(0, 1, AboveMin: true), "0.00000001", string.Empty, "AdamW's guard against division by zero."),
        new("training.clip_norm", new RealType(0, 1_000_000), "1", "L2 norm", "The largest gradient norm of a step; 0 switches clipping off."),
        new("training.seed", Seed, "1", string.Empty, "The seed of the order of examples."),
        new("training.evaluation_examples", new IntegerType(0, 100_000), "64", "examples", "How many evaluation examples are scored at the start of each round; 0 means all."),
        new("training.cpu_fallback", new OptionalType(new BooleanType()), null, string.Empty, "Whether a silo whose trainer does not find the GPU that its administrator named may train on the processor, and say so there; absent means it may not, and fails its rounds."),
        new(Mode, new ChoiceType(["secure", "plain"], []), "secure", string.Empty, "How updates reach the coordinator; secure: masked, so that only their sum opens; plain: each encrypted for the coordinator, which can open single updates."),
        new("aggregation.weighting", new ChoiceType(["uniform", "declared"], []), "uniform", string.Empty, "Every silo alike, or by the count that its administrator declares; declared counts are public."),
        new("aggregation.weight_max", new IntegerType(1, 1_000_000_000), "1000000", string.Empty, "The largest declared weight that is accepted."),
        new("aggregation.server_optimizer.name", new ChoiceType(["sgd", "momentum", "adam", "yogi", "adagrad"], []), "sgd", string.Empty, "What the coordinator does with the mean update; its state is part of the model version."),
        new("aggregation.server_optimizer.learning_rate", new RealType(0, 100, AboveMin: true), "1", string.Empty, "The coordinator's learning rate; 1 with sgd is plain averaging."),
        new("aggregation.server_optimizer.beta1", Fraction, "0.9", string.Empty, "Decay of the first moment (momentum, adam, yogi)."),
        new("aggregation.server_optimizer.beta2", Fraction, "0.99", string.Empty, "Decay of the second moment (adam, yogi)."),
        new("aggregation.server_optimizer.tau", new RealType(0, 10, AboveMin: true), "0.001", string.Empty, "The degree of adaptivity (adam, yogi, adagrad)."),
        new("aggregation.aggregate_norm_max", new OptionalType(Norm), null, "L2 norm", "A mean update that is longer fails the round; absent means no such gate in plain mode, and in secure mode what update_clip implies."),
        new("aggregation.secure.ring_bits", new IntegerChoiceType([16, 24, 32]), "32", "bits", "k, what a parameter takes on the wire; 16 rotates updates first (randomised Hadamard), and nothing else does."),
        new("aggregation.secure.coordinate_bits", new IntegerType(0, 31), "0", "bits", "b, the bits of one silo's coordinate; 0 means the most that the sum of all silos leaves room for."),
        new("aggregation.secure.update_clip", Norm, "100", "L2 norm", "C: a silo's longer update is scaled down to this norm."),
        new("aggregation.secure.range", new OptionalType(Norm), null, string.Empty, "R: a larger coordinate is clamped; absent means update_clip, and then none can be."),
        new("aggregation.secure.clamp_limit", new RealType(0, 1), "0.001", "share", "A silo that clamped a larger share of its coordinates fails its round."),
        new("aggregation.secure.weight_min", new IntegerType(1, 1_000_000_000), "1", string.Empty, "The smallest declared weight that is accepted, so that no silo can shrink the sum of weights and amplify the mean."),
        new("participation.cohort_size", new IntegerType(0, 255), "0", "silos", "How many silos are asked in a round, drawn anew by a public rule; 0 means all that approved, and secure mode allows nothing else."),
        new("participation.quorum", new IntegerType(2, 255), "2", "silos", "The smallest number of updates that is aggregated, in secure mode at least floor(2n/3) + 1 of n silos; below it the round is abandoned."),
        new("participation.min_silos", new IntegerType(2, 255), "2", "silos", "The smallest number of approvals with which the run begins."),
        new("participation.round_deadline", new IntegerType(5, 604_800), "600", "seconds", "From a round's start to its close, whatever is missing."),
        new("participation.straggler_grace", new IntegerType(0, 604_800), "60", "seconds", "How long a round waits for the rest once the quorum has answered."),
        new("participation.step_timeout", new IntegerType(1, 86_400), "30", "seconds", "The deadline of every other step."),
        new("participation.answer_timeout", new OptionalType(new IntegerType(1, 2_592_000)), null, "seconds", "How long the silos may take to answer the plan, where administrators are asked; absent means step_timeout. An approval that comes later counts from the next round on."),
        new("participation.max_abandoned_rounds", new IntegerType(0, 1000), "3", "rounds", "Rounds in a row that may be abandoned before the run fails."),
        new("data", new ChoiceType(["private", "public"], []), "private", string.Empty, "Whether every silo's data set is listed as public in its policy."),
        new(Claim, new ChoiceType(["none", "example", "distributed", "silo"], []), "none", string.Empty, "What is claimed about privacy; none (or 'privacy: none'): the model may reveal training records; example: each silo adds noise to clipped gradients (DP-SGD), so that no record shows in what leaves it; distributed: each silo adds a share of the noise to its masked update, so that no record (or silo) shows in the sum; silo: the same for the silo's whole update, for at least 50 silos. The default is example when another field of privacy is given."),
        new(Unit, new ChoiceType(["record", "person", "silo"], []), "record", string.Empty, "What is protected as one: a training record, all records of a person in the silo (examples then carry 'person'), or a silo's whole contribution (the default with claim silo)."),
        new("privacy.epsilon", new OptionalType(new RealType(0, 100, AboveMin: true)), null, string.Empty, "The epsilon that no silo's share of the run may exceed; each silo computes its noise from it and its own number of records, which stays local."),
        new("privacy.delta", new RealType(0, 0.01m, AboveMin: true), "0.00001", string.Empty, "Delta; a silo of N records accepts at most 1/(10 N)."),
        new("privacy.noise_multiplier", new OptionalType(new RealType(0, 1_000_000, AboveMin: true)), null, string.Empty, "Standard deviation of the noise over example_clip, in place of epsilon; each silo then states the epsilon that follows. With claims distributed and silo it is needed: of the honest silos' noise together, over the bound of one record or silo on the ring."),
        new("privacy.example_clip", Norm, "1", "L2 norm", "C, the largest norm of one unit's gradient."),
        new("privacy.expected_batch", new IntegerType(1, 1_000_000), "64", "units", "How many units a step samples on average; the sampling rate is this over the silo's own number."),
        new("privacy.max_records", new IntegerType(0, 1_000_000), "0", "records", "Claim distributed with unit record only, and needed there: the most records of a silo. All of them enter every step, and the sum of their gradients is divided by this."),
        new("privacy.clipping", new ChoiceType(["flat", "per_layer", "automatic"], []), "flat", string.Empty, "Flat: the whole gradient if it is longer than C; per_layer: each adapted module by itself; automatic: always scaled to nearly C."),
        new("privacy.noise", new ChoiceType(["exact", "rounded"], []), "exact", string.Empty, "How noise is drawn on its grid: exactly (discrete Gaussian), or a rounded Gaussian, which is faster and not exact in the tail."),
        new("privacy.spare_rounds", new IntegerType(0, 10_000), "1", "rounds", "Rounds beyond the plan's that are reserved for abandoned ones; when they are used up, silos refuse further rounds."),
        new("metrics.eval_loss", new BooleanType(), "true", string.Empty, "Whether silos whose policy allows it report their evaluation loss."),
    ];

    /// <summary>Fields that are understood and not part of this version, with what they ask for.</summary>
    internal static ImmutableDictionary<string, string> RefusedFields { get; } = ImmutableDictionary<string, string>.Empty
        .Add("aggregation.secure.groups", "robust rules over the sums of groups");

    /// <summary>Checks every value of a configuration against the table.</summary>
    /// <exception cref="FedCloudException"><c>plan_invalid_value</c>.</exception>
    internal static void RequireBounds(ReadOnlySpan<byte> config)
    {
        JsonNode root = JsonNode.Parse(config) ?? throw new FedCloudException(ErrorCodes.PlanInvalidValue, "expected a configuration, found null");
        foreach (PlanField field in Fields)
        {
            if (!field.Type.Allows(Find(root, field.Path)))
            {
                throw new FedCloudException(ErrorCodes.PlanInvalidValue, $"{field.Path}: expected {field.Type.Describe()}");
            }
        }
    }

    /// <summary>The value at a path, or null.</summary>
    public static JsonNode? Find(JsonNode root, string path)
    {
        JsonNode? node = root;
        foreach (string name in path.Split('.'))
        {
            node = (node as JsonObject)?[name];
        }

        return node;
    }

    /// <summary>Sets the value at a path, making the objects on the way.</summary>
    internal static void Set(JsonObject root, string path, JsonNode? value)
    {
        string[] names = path.Split('.');
        JsonObject node = root;
        foreach (string name in names[..^1])
        {
            if (node[name] is not JsonObject next)
            {
                node[name] = next = [];
            }

            node = next;
        }

        node[names[^1]] = value;
    }
}
