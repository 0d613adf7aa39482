// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>The bounds of every number that an accountant or a sampler takes, in one place.</summary>
internal static class PrivacyArguments
{
    /// <summary>The largest noise multiplier, standard deviation or scale in units of the sensitivity.</summary>
    internal const double MaxNoise = 1e15;

    /// <summary>The largest number of composed steps.</summary>
    internal const long MaxSteps = 1_000_000_000;

    /// <summary>The largest epsilon asked for.</summary>
    internal const double MaxEpsilon = 1e6;

    internal static double Noise(double value, string name) =>
        value > 0 && value <= MaxNoise ? value : throw Refusal(ErrorCodes.NoiseInvalid, name, $"above 0 and at most {Text(MaxNoise)}", Text(value));

    internal static double SamplingRate(double value) =>
        value > 0 && value <= 1 ? value : throw Refusal(ErrorCodes.SamplingRateInvalid, "the sampling rate", "above 0 and at most 1", Text(value));

    internal static long Count(long value, string name, long least = 1, long most = MaxSteps) =>
        value >= least && value <= most ? value : throw Refusal(ErrorCodes.CountInvalid, name, $"from {least} to {most}", value.ToString(CultureInfo.InvariantCulture));

    internal static double Delta(double value) =>
        value > 0 && value < 1 ? value : throw Refusal(ErrorCodes.DeltaInvalid, "delta", "between 0 and 1", Text(value));

    internal static double Epsilon(double value) =>
        value >= 0 && value <= MaxEpsilon ? value : throw Refusal(ErrorCodes.EpsilonInvalid, "epsilon", $"from 0 to {Text(MaxEpsilon)}", Text(value));

    internal static double TargetEpsilon(double value) =>
        value > 0 && value <= MaxEpsilon ? value : throw Refusal(ErrorCodes.EpsilonInvalid, "the target epsilon", $"above 0 and at most {Text(MaxEpsilon)}", Text(value));

    internal static double Order(double value) =>
        value >= 1 ? value : throw Refusal(ErrorCodes.OrderInvalid, "a Rényi order", "1 or more", Text(value));

    internal static double Finite(double epsilon, string accountant) =>
        double.IsFinite(epsilon) ? epsilon : throw Refusal(ErrorCodes.AccountantNotFinite, $"the epsilon of the {accountant} accountant", "a finite number", Text(epsilon));

    internal static FedCloudException Refusal(ErrorCode code, string name, string expected, string found) =>
        new(code, $"{name} must be {expected}, found {found}");

    internal static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
