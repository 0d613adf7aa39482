// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A noise multiplier, standard deviation or clip norm is not usable.</summary>
    public static ErrorCode NoiseInvalid { get; } = new(
        "noise_invalid",
        ExitCode.Unusable,
        "a noise multiplier, standard deviation, scale or clip norm is not a finite number inside its bounds",
        "give a positive finite number; spec section 2 of the privacy document gives the conventions");

    /// <summary>A sampling rate is not a probability.</summary>
    public static ErrorCode SamplingRateInvalid { get; } = new(
        "sampling_rate_invalid",
        ExitCode.Unusable,
        "a sampling rate is not a number above 0 and at most 1",
        "give expected batch size divided by the declared number of records");

    /// <summary>A number of steps, shares or coordinates is not usable.</summary>
    public static ErrorCode CountInvalid { get; } = new(
        "count_invalid",
        ExitCode.Unusable,
        "a number of steps, rounds, noise shares, records or coordinates is outside its bounds",
        "give a whole number inside the named bounds");

    /// <summary>A delta is not a probability.</summary>
    public static ErrorCode DeltaInvalid { get; } = new(
        "delta_invalid",
        ExitCode.Unusable,
        "a delta is not a number between 0 and 1, both excluded",
        "give delta = 1e-5 or smaller");

    /// <summary>A delta is above the bound of the claim.</summary>
    public static ErrorCode DeltaTooLarge { get; } = new(
        "delta_too_large",
        ExitCode.Refused,
        "delta is above 1/(10 N), N the declared number of records",
        "lower the plan's delta");

    /// <summary>An epsilon is not usable.</summary>
    public static ErrorCode EpsilonInvalid { get; } = new(
        "epsilon_invalid",
        ExitCode.Unusable,
        "an epsilon is not a finite number inside its bounds",
        "give an epsilon above 0; 1 to 8 are common");

    /// <summary>No noise in range reaches the target epsilon.</summary>
    public static ErrorCode EpsilonUnreachable { get; } = new(
        "epsilon_unreachable",
        ExitCode.Unusable,
        "no noise multiplier inside its bounds keeps the privacy loss at or below the target epsilon",
        "raise epsilon or delta, or lower the steps or the sampling rate");

    /// <summary>A Rényi order is not usable.</summary>
    public static ErrorCode OrderInvalid { get; } = new(
        "order_invalid",
        ExitCode.Unusable,
        "a Rényi order is below 1, not a number, or not on the grid of the other operand",
        "use the order grids of the privacy specification, section 3 and section 6.2");

    /// <summary>An accountant has no finite answer, so the job stops.</summary>
    public static ErrorCode AccountantNotFinite { get; } = new(
        "accountant_not_finite",
        ExitCode.Unusable,
        "an accountant has no finite epsilon for these parameters",
        "raise the noise multiplier or delta, or lower the steps or the sampling rate");

    /// <summary>A sampler for which no accountant here is right.</summary>
    public static ErrorCode SamplerNotAccounted { get; } = new(
        "sampler_not_accounted",
        ExitCode.Refused,
        "the sampler has no accountant: only Poisson sampling with Gaussian noise is amplified, distributed noise counts at rate 1",
        "use Poisson sampling for claim A, and a sampling rate of 1 for claims B and C");

    /// <summary>Two privacy loss distributions do not fit together.</summary>
    public static ErrorCode PrivacyLossMismatch { get; } = new(
        "privacy_loss_mismatch",
        ExitCode.Failed,
        "two privacy losses have another interval or another direction of rounding, so their composition has no meaning",
        "make both with the same options");
}
