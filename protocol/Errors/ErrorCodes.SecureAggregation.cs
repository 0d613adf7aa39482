// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>An epoch names another suite or version of secure aggregation.</summary>
    public static ErrorCode SuiteUnknown { get; } = new(
        "suite_unknown",
        ExitCode.Refused,
        "an epoch names a suite of secure aggregation that this program does not have",
        "update the side with the older version");

    /// <summary>Secure aggregation needs 3 to 255 silos.</summary>
    public static ErrorCode SecaggRosterSize { get; } = new(
        "secagg_roster_size",
        ExitCode.Refused,
        "secure aggregation needs a roster of 3 to 255 silos: with two, each would learn the other's update from the sum",
        "bring the federation to 3 to 255 silos, or write aggregation.mode: plain");

    /// <summary>Threshold, slots, ring width or length are outside the specification.</summary>
    public static ErrorCode SecaggParametersInvalid { get; } = new(
        "secagg_parameters_invalid",
        ExitCode.VerificationFailed,
        "threshold, slots, ring width or vector length of secure aggregation are outside the specification",
        "check that both sides run the same version");

    /// <summary>The sum of all silos could overflow the ring.</summary>
    public static ErrorCode RingTooSmall { get; } = new(
        "ring_too_small",
        ExitCode.Unusable,
        "the sum of all silos, noise included, could overflow the ring",
        "raise aggregation.secure.ring_bits, or leave out aggregation.secure.coordinate_bits");

    /// <summary>A key for key agreement is not a point on P-256, or a scalar is out of range.</summary>
    public static ErrorCode AgreementKeyInvalid { get; } = new(
        "agreement_key_invalid",
        ExitCode.VerificationFailed,
        "a key for key agreement is not an uncompressed point on P-256, or its scalar is out of range",
        "do not use it; the epoch needs a fresh key of that silo");

    /// <summary>A list of advertised keys breaks a rule of the epoch.</summary>
    public static ErrorCode AdvertiseListInvalid { get; } = new(
        "advertise_list_invalid",
        ExitCode.VerificationFailed,
        "a list of advertised keys is too short, out of order, repeats a key, or changed this silo's entry",
        "stop the epoch and compare the list with the other silos");

    /// <summary>Shares do not fit their signed hashes.</summary>
    public static ErrorCode SharesMismatch { get; } = new(
        "shares_mismatch",
        ExitCode.VerificationFailed,
        "share ciphertexts or commitments differ from the hashes that their dealer signed",
        "stop the epoch and compare the messages with the dealer");

    /// <summary>A share ciphertext fails its authentication.</summary>
    public static ErrorCode ShareCiphertextInvalid { get; } = new(
        "share_ciphertext_invalid",
        ExitCode.VerificationFailed,
        "a share ciphertext has another length or fails its authentication",
        "a person reviews the complaint; the next epoch has fresh keys");

    /// <summary>A share differs from its commitment.</summary>
    public static ErrorCode ShareCommitmentMismatch { get; } = new(
        "share_commitment_mismatch",
        ExitCode.VerificationFailed,
        "a share differs from the commitment that its dealer signed",
        "a person reviews the silo that is named");

    /// <summary>Shares have a wrong index or length, or one index twice.</summary>
    public static ErrorCode ShareSetInvalid { get; } = new(
        "share_set_invalid",
        ExitCode.VerificationFailed,
        "shares have an index outside 1 to 255, an index twice, or another length or number",
        "use one share of 32 bytes for each index");

    /// <summary>Fewer valid shares than the threshold.</summary>
    public static ErrorCode SharesTooFew { get; } = new(
        "shares_too_few",
        ExitCode.Failed,
        "fewer valid shares arrived than the threshold",
        "wait for more silos; the slot can be completed until the epoch ends");

    /// <summary>A secret put together from valid shares is not the advertised one.</summary>
    public static ErrorCode SecretMismatch { get; } = new(
        "secret_mismatch",
        ExitCode.VerificationFailed,
        "a secret put together from valid shares is not the one that its dealer advertised",
        "publish no result; a person reviews the dealer that is named");

    /// <summary>Share acknowledgements are missing, doubled or of another cohort.</summary>
    public static ErrorCode AckInvalid { get; } = new(
        "ack_invalid",
        ExitCode.VerificationFailed,
        "the share acknowledgements are not exactly one of each member of the cohort, all of the same shares",
        "do not arm the slot; the next epoch has fresh keys");

    /// <summary>A round's start does not fit the epoch, the configuration or its own identity.</summary>
    public static ErrorCode RoundStartInvalid { get; } = new(
        "round_start_invalid",
        ExitCode.VerificationFailed,
        "a round's start names another epoch, slot, length, ring or identity than this silo computes",
        "do not mask; compare the start with the other silos");

    /// <summary>A masked vector's announcement does not fit the round.</summary>
    public static ErrorCode MaskedInvalid { get; } = new(
        "masked_invalid",
        ExitCode.VerificationFailed,
        "the announcement of a masked vector names another round, sender, length or ledger head than the round allows",
        "do not count it; check that both sides run the same version");

    /// <summary>A masked vector is shorter or longer than d words.</summary>
    public static ErrorCode MaskedLength { get; } = new(
        "masked_length",
        ExitCode.VerificationFailed,
        "a masked vector is shorter or longer than the round's d words",
        "do not count it; wait for the silo to send it again");

    /// <summary>A masked vector has another digest than its silo signed.</summary>
    public static ErrorCode MaskedDigest { get; } = new(
        "masked_digest",
        ExitCode.VerificationFailed,
        "a masked vector has another digest than its silo signed",
        "do not count it; wait for the silo to send it again");

    /// <summary>The list of counted vectors breaks a rule of the round.</summary>
    public static ErrorCode U3ListInvalid { get; } = new(
        "u3_list_invalid",
        ExitCode.VerificationFailed,
        "the list of counted vectors is below the quorum, leaves the cohort, or differs from what the silos signed",
        "sign nothing; send the list as evidence");

    /// <summary>The consistency messages do not show that enough silos agree on one list.</summary>
    public static ErrorCode ConsistencyInvalid { get; } = new(
        "consistency_invalid",
        ExitCode.VerificationFailed,
        "the consistency messages are too few, doubled, from outside the list, or of another list",
        "reveal nothing; send both lists as evidence");

    /// <summary>An unmask response does not have exactly the shares that the list asks for.</summary>
    public static ErrorCode UnmaskInvalid { get; } = new(
        "unmask_invalid",
        ExitCode.VerificationFailed,
        "an unmask response names another round or list, or does not have exactly one share of each member of the cohort",
        "ignore it; wait for the silo to send it again");

    /// <summary>A result differs from what its evidence gives.</summary>
    public static ErrorCode ResultMismatch { get; } = new(
        "result_mismatch",
        ExitCode.VerificationFailed,
        "a result differs from what the round's own evidence gives",
        "do not use the model; compare the evidence with the operator");

    /// <summary>The sum shows that a silo did not clip or weighted wrongly.</summary>
    public static ErrorCode SumOutOfBounds { get; } = new(
        "sum_out_of_bounds",
        ExitCode.Failed,
        "the weight sum or a segment's norm is outside what clipped inputs can give",
        "publish no result; look for the silo whose software or data went wrong");

    /// <summary>Too many coordinates of an update were clamped.</summary>
    public static ErrorCode ClampLimit { get; } = new(
        "clamp_limit",
        ExitCode.Failed,
        "more coordinates of this silo's update were clamped than the policy allows",
        "raise the segment's range, or keep the default range = clip");

    /// <summary>A file of a silo's epoch secrets cannot be used.</summary>
    public static ErrorCode EpochSecretsBroken { get; } = new(
        "epoch_secrets_broken",
        ExitCode.VerificationFailed,
        "a file of this silo's epoch secrets is damaged, was changed, or belongs to another file name, epoch or home",
        "restore nothing from a backup, which could use a slot twice; end the epoch, the next one has fresh secrets");

    /// <summary>A transcript file cannot be read.</summary>
    public static ErrorCode TranscriptMalformed { get; } = new(
        "transcript_malformed",
        ExitCode.Unusable,
        "a file of secure-aggregation transcripts has a missing or mistyped member",
        "check that the file is complete");
}
