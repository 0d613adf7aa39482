// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A base model's configuration is not usable.</summary>
    public static ErrorCode ConfigUnsupported { get; } = new(
        "config_unsupported",
        ExitCode.Unusable,
        "the base model's config.json asks for something that this trainer does not implement",
        "choose a model of a family in docs/job-format.md, which lists what is read");

    /// <summary>An index of weights is not usable.</summary>
    public static ErrorCode WeightIndexMalformed { get; } = new(
        "weight_index_malformed",
        ExitCode.Unusable,
        "model.safetensors.index.json is not an index, or the files that it names hold other tensors: one is missing, in another file, or in two",
        "take index and files from one version of the base model");

    /// <summary>A file of weights is missing.</summary>
    public static ErrorCode WeightShardMissing { get; } = new(
        "weight_shard_missing",
        ExitCode.Unusable,
        "the base model's index names a file of weights that is not there",
        "put all files that model.safetensors.index.json names into the folder");

    /// <summary>Tied weights are stored twice and differ.</summary>
    public static ErrorCode TiedWeightsDiffer { get; } = new(
        "tied_weights_differ",
        ExitCode.Unusable,
        "the base model ties its head to its embedding, but stores a head with other bytes",
        "set tie_word_embeddings as the model was trained, or take the model's published files");

    /// <summary>A tokenizer is not usable.</summary>
    public static ErrorCode TokenizerUnsupported { get; } = new(
        "tokenizer_unsupported",
        ExitCode.Unusable,
        "tokenizer.json is not a byte-level BPE of a known form, or does not fit the model's vocabulary",
        "choose a base model whose tokenizer is byte-level BPE");

    /// <summary>A line of training data is broken.</summary>
    public static ErrorCode JsonlMalformed { get; } = new(
        "jsonl_malformed",
        ExitCode.Unusable,
        "a line of training data is not a JSON object with the texts 'prompt' and 'completion'",
        "correct the named line");

    /// <summary>An example has nothing to learn.</summary>
    public static ErrorCode CompletionEmpty { get; } = new(
        "completion_empty",
        ExitCode.Unusable,
        "an example's completion is empty, so there is nothing to learn from it",
        "remove the named line or give it a completion");

    /// <summary>A silo has no examples.</summary>
    public static ErrorCode DataEmpty { get; } = new(
        "data_empty",
        ExitCode.Unusable,
        "a data file holds no example",
        "give at least one line of training and one of evaluation data");

    /// <summary>A job file is not usable.</summary>
    public static ErrorCode JobMalformed { get; } = new(
        "job_malformed",
        ExitCode.Unusable,
        "a job file has an unknown, missing or mistyped member, or a value out of range",
        "see docs/job-format.md; agent and trainer must be of one version");

    /// <summary>The loss is not a number.</summary>
    public static ErrorCode LossNotFinite { get; } = new(
        "loss_not_finite",
        ExitCode.Failed,
        "the training loss became NaN or infinite; nothing was written",
        "lower training.learning_rate, or look for broken examples");

    /// <summary>The trainer would not finish in time.</summary>
    public static ErrorCode TrainerDeadline { get; } = new(
        "trainer_deadline",
        ExitCode.Failed,
        "the trainer could not finish before the round's deadline",
        "lower training.local_steps, or raise participation.round_deadline");

    /// <summary>The trainer process failed.</summary>
    public static ErrorCode TrainerFailed { get; } = new(
        "trainer_failed",
        ExitCode.Failed,
        "the trainer process ended without a result",
        "look at trainer.log in the job's folder");

    /// <summary>A job needs more memory than allowed.</summary>
    public static ErrorCode MemoryExceeded { get; } = new(
        "memory_exceeded",
        ExitCode.Refused,
        "the job needs more memory than the silo's policy allows",
        "lower training.batch_size or training.sequence_length, or raise the policy's limit");
}
