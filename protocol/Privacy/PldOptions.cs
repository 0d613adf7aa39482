// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>How a privacy loss distribution is discretised and truncated.</summary>
public sealed record PldOptions
{
    /// <summary>The options of a report: connect the dots, interval 1e-4 (privacy, section 3).</summary>
    public static PldOptions Report { get; } = new();

    /// <summary>The options of the lower bound beside a report.</summary>
    public static PldOptions Optimistic { get; } = new() { Rounding = LossRounding.Merge };

    /// <summary>The grid's interval, in nats; default 1e-4, from 1e-7 to 10. Composition costs time in proportion to its inverse.</summary>
    public double Interval { get; init; } = 1e-4;

    /// <summary>How losses round; the default is an upper bound.</summary>
    public LossRounding Rounding { get; init; } = LossRounding.ConnectTheDots;

    /// <summary>The mass of one mechanism's noise beyond which losses are not resolved, each side; default e^-50 / 2. It is added to delta in upper bounds.</summary>
    public double TailMass { get; init; } = 0.5 * Math.Exp(-50);

    /// <summary>The mass that a composition may truncate, both sides together; default 1e-15. It is added to delta in upper bounds.</summary>
    public double CompositionTail { get; init; } = 1e-15;

    internal PldOptions Checked()
    {
        if (!(Interval >= 1e-7 && Interval <= 10))
        {
            throw PrivacyArguments.Refusal(ErrorCodes.NoiseInvalid, "the interval of privacy losses", "from 1E-07 to 10", PrivacyArguments.Text(Interval));
        }

        if (!(TailMass > 0 && TailMass < 0.5 && CompositionTail > 0 && CompositionTail < 0.5))
        {
            throw PrivacyArguments.Refusal(ErrorCodes.DeltaInvalid, "a truncated mass", "between 0 and 0.5", $"{PrivacyArguments.Text(TailMass)} and {PrivacyArguments.Text(CompositionTail)}");
        }

        return this;
    }
}
