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
        "tokenizer.json is not a BPE of a known form",
        "choose a base model whose tokenizer has a form of docs/job-format.md");

    /// <summary>A tokenizer gives tokens that the model does not have.</summary>
    public static ErrorCode VocabularyMismatch { get; } = new(
        "vocabulary_mismatch",
        ExitCode.Unusable,
        "the tokenizer gives token ids that the base model's embedding has no row for",
        "take tokenizer.json and config.json of one model, or leave out the named token");

    /// <summary>A line of training data is broken.</summary>
    public static ErrorCode JsonlMalformed { get; } = new(
        "jsonl_malformed",
        ExitCode.Unusable,
        "a line of training data is not a JSON object with the texts 'prompt' and 'completion', or with a conversation in 'messages'",
        "correct the named line");

    /// <summary>An example has nothing to learn.</summary>
    public static ErrorCode CompletionEmpty { get; } = new(
        "completion_empty",
        ExitCode.Unusable,
        "an example's completion is empty, or its assistant never speaks, so there is nothing to learn from it",
        "remove the named line or give it a completion");

    /// <summary>A base model has no template for conversations.</summary>
    public static ErrorCode ChatTemplateMissing { get; } = new(
        "chat_template_missing",
        ExitCode.Unusable,
        "the data hold conversations, and the base model has no chat template that this trainer knows",
        "write lines with 'prompt' and 'completion', or choose a base model of docs/job-format.md's table of templates");

    /// <summary>A base model's template for conversations is not known.</summary>
    public static ErrorCode ChatTemplateUnknown { get; } = new(
        "chat_template_unknown",
        ExitCode.Unusable,
        "the base model's folder holds a chat template that this trainer does not know",
        "write lines with 'prompt' and 'completion', or take the template's file out of the folder to have one chosen by family");

    /// <summary>A conversation does not fit the base model's template.</summary>
    public static ErrorCode ChatUnwritable { get; } = new(
        "chat_unwritable",
        ExitCode.Unusable,
        "a conversation cannot be written in the base model's chat template",
        "change the roles of the named line as the message says");

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

    /// <summary>A private job has a decomposed adapter.</summary>
    public static ErrorCode DoraNotPrivate { get; } = new(
        "dora_not_private",
        ExitCode.Unusable,
        "steps that clip each example's gradient are not made for DoRA: its magnitudes have no per-example gradients here, and no claim about them is tested",
        "train without DoRA, or without a privacy claim; rsLoRA and patterns of ranks are fine");

    /// <summary>Sequences are longer than the base model allows.</summary>
    public static ErrorCode SequenceTooLong { get; } = new(
        "sequence_too_long",
        ExitCode.Unusable,
        "sequences would be longer than the base model has positions",
        "lower training.sequence_length, or choose a base model with more positions (max_position_embeddings, n_positions)");

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

    /// <summary>A job's device is not there.</summary>
    public static ErrorCode DeviceUnavailable { get; } = new(
        "device_unavailable",
        ExitCode.NotSetUp,
        "the job names a device that this trainer does not find, and its plan allows no other",
        "install the device's driver and fedcloud-trainer-torch with CUDA, set the agent's device to one that is there, or allow training.cpu_fallback in the plan");

    /// <summary>A job needs more memory than allowed.</summary>
    public static ErrorCode MemoryExceeded { get; } = new(
        "memory_exceeded",
        ExitCode.Refused,
        "the job needs more memory than the silo's policy allows, or than its machine or device has free",
        "see fedcloud-trainer estimate; then run the agent with --base-weights bf16 or int8, lower training.batch_size or training.sequence_length, or raise the policy's limit");
}
