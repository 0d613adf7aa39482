// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A safetensors file breaks the format or its limits.</summary>
    public static ErrorCode SafetensorsMalformed { get; } = new(
        "safetensors_malformed",
        ExitCode.Unusable,
        "a safetensors file breaks the format: its header, offsets or shapes do not describe its bytes",
        "write the file again, and compare its digest with the source");

    /// <summary>A file holds a format that can carry code.</summary>
    public static ErrorCode FileNotTensors { get; } = new(
        "file_not_tensors",
        ExitCode.Refused,
        "a model file is a pickle or an archive, which can carry code",
        "convert it to safetensors on a machine that may run it");

    /// <summary>A tensor holds NaN or infinity.</summary>
    public static ErrorCode TensorNotFinite { get; } = new(
        "tensor_not_finite",
        ExitCode.Unusable,
        "a tensor holds NaN or infinity",
        "find out which step of training made it; nothing was used");

    /// <summary>A tensor is absent.</summary>
    public static ErrorCode TensorMissing { get; } = new(
        "tensor_missing",
        ExitCode.Unusable,
        "a file lacks a tensor that the configuration implies",
        "check that configuration and weights belong together");

    /// <summary>A tensor has another shape.</summary>
    public static ErrorCode TensorShapeMismatch { get; } = new(
        "tensor_shape_mismatch",
        ExitCode.Unusable,
        "a tensor has another shape than the configuration implies",
        "check that configuration and weights belong together");

    /// <summary>A tensor has another type.</summary>
    public static ErrorCode TensorTypeMismatch { get; } = new(
        "tensor_type_mismatch",
        ExitCode.Unusable,
        "a tensor has a type that is not usable here",
        "store the tensor as F32, F16 or BF16");

    /// <summary>An update file does not hold exactly the exchanged tensors.</summary>
    public static ErrorCode UpdateMalformed { get; } = new(
        "update_malformed",
        ExitCode.VerificationFailed,
        "an update does not hold exactly the tensors that the round exchanges",
        "check that silo and coordinator run the same version");

    /// <summary>A file is absent.</summary>
    public static ErrorCode FileMissing { get; } = new(
        "file_missing",
        ExitCode.Unusable,
        "a file does not exist or cannot be opened",
        "check the path and its permissions");

    /// <summary>A folder to be made is there.</summary>
    public static ErrorCode FolderNotEmpty { get; } = new(
        "folder_not_empty",
        ExitCode.Unusable,
        "a folder that a command is to make holds files already",
        "choose a folder that does not exist yet");

    /// <summary>The disk is full.</summary>
    public static ErrorCode DiskFull { get; } = new(
        "disk_full",
        ExitCode.Failed,
        "a file could not be written whole; what was written of it is removed",
        "free space or choose another folder, then repeat the command");

    /// <summary>A target module matches nothing.</summary>
    public static ErrorCode TargetModuleUnmatched { get; } = new(
        "target_module_unmatched",
        ExitCode.Unusable,
        "a target module of the plan matches no linear module of the base model",
        "correct lora.target_modules");

    /// <summary>An adapter is of another kind.</summary>
    public static ErrorCode AdapterUnsupported { get; } = new(
        "adapter_unsupported",
        ExitCode.Unusable,
        "an adapter in PEFT's format asks for something that is not implemented, or holds tensors that its configuration does not imply",
        "save the adapter as LoRA on linear modules of the layers; docs/peft.md says what is read");

    /// <summary>An adapter belongs to another base model.</summary>
    public static ErrorCode AdapterBaseMismatch { get; } = new(
        "adapter_base_mismatch",
        ExitCode.VerificationFailed,
        "an adapter names another base model by its digest than it is put on",
        "point to the folder of the base model that the adapter was trained on");

    /// <summary>A rank does not fit.</summary>
    public static ErrorCode RankOutOfRange { get; } = new(
        "rank_out_of_range",
        ExitCode.Unusable,
        "the LoRA rank is larger than a target module's smaller side",
        "lower lora.rank");

    /// <summary>The base model is absent.</summary>
    public static ErrorCode BaseModelMissing { get; } = new(
        "base_model_missing",
        ExitCode.Unusable,
        "the base model lacks a file that it needs",
        "point to a folder with config.json, tokenizer.json and model.safetensors, or the files that model.safetensors.index.json names");

    /// <summary>The base model's bytes are not the ones of its digest.</summary>
    public static ErrorCode BaseModelCorrupt { get; } = new(
        "base_model_corrupt",
        ExitCode.VerificationFailed,
        "a file of the base model has another digest than its manifest says",
        "fetch the base model again");
}
