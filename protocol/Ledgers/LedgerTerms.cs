// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Ledgers;

/// <summary>What one round of one mechanism costs, and the parameters that it follows from; frozen when a job is reserved (rule L6).</summary>
/// <remarks>Made by the silo from the plan and its own declared count N: z and q stay local.</remarks>
public sealed record LedgerTerms
{
    /// <summary>What is paid for.</summary>
    public required LedgerMechanism Mechanism { get; init; }

    /// <summary>What is protected.</summary>
    public required PrivacyUnit Unit { get; init; }

    /// <summary>The noise multiplier, before rounding to a grid is paid for.</summary>
    public required decimal Z { get; init; }

    /// <summary>The effective noise multiplier, which the accountant uses.</summary>
    public required decimal ZEff { get; init; }

    /// <summary>The probability of each record to enter a step; 1 without sampling.</summary>
    public required decimal Q { get; init; }

    /// <summary>Steps of one round.</summary>
    public required long Steps { get; init; }

    /// <summary>The L2 bound of one unit's contribution.</summary>
    public required decimal Clip { get; init; }

    /// <summary>The RDP vector of one round: one charge.</summary>
    public required LedgerRdp Rdp { get; init; }

    /// <summary>The reported epsilon of the whole job at its reserved maximum.</summary>
    public required decimal PldEps { get; init; }

    /// <summary>The delta of <see cref="PldEps"/>.</summary>
    public required decimal Delta { get; init; }

    /// <summary>The accountant's version.</summary>
    public required string AccountantVersion { get; init; }

    /// <summary>The sampler's profile.</summary>
    public required string SamplerProfile { get; init; }

    /// <summary>Whether a request is for what these terms were reserved for.</summary>
    /// <remarks>What a newer accountant says about the same parameters is no other value: the larger one is already counted (rule L13).</remarks>
    /// <param name="request">What is asked for.</param>
    public bool Cover(LedgerTerms request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return this == request with { Rdp = Rdp, PldEps = PldEps, AccountantVersion = AccountantVersion } && Rdp.Larger(request.Rdp).Equals(Rdp);
    }
}
