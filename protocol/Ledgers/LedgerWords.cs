// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedCloud.Protocol.Ledgers;

/// <summary>What a line of a ledger says.</summary>
[JsonConverter(typeof(LedgerEntryTypeJsonConverter))]
public enum LedgerEntryType
{
    /// <summary>The administrator's limit.</summary>
    Limit,

    /// <summary>A job's reserve for one mechanism, over its maximum rounds.</summary>
    Reserve,

    /// <summary>One round of one mechanism is spent.</summary>
    Charge,

    /// <summary>A job is over; its unused reserve returns.</summary>
    Settle,

    /// <summary>A job was refused.</summary>
    Refuse,

    /// <summary>Spending is counted anew: after a discontinuous start, or with another accountant.</summary>
    Recompute,
}

/// <summary>What a charge pays for.</summary>
[JsonConverter(typeof(LedgerMechanismJsonConverter))]
public enum LedgerMechanism
{
    /// <summary>DP-SGD in the silo (claim A).</summary>
    Dpsgd,

    /// <summary>A share of discrete Gaussian noise on the ring (claims B and C).</summary>
    DiscreteGaussian,

    /// <summary>A share of Skellam noise on the ring (claims B and C).</summary>
    Skellam,

    /// <summary>Private metrics (privacy, section 8.2).</summary>
    Metric,
}

/// <summary>The time that a limit is over.</summary>
[JsonConverter(typeof(LedgerPeriodJsonConverter))]
public enum LedgerPeriod
{
    /// <summary>All jobs that the data set ever has: the only one for which the filter is proven.</summary>
    Lifetime,
}

/// <summary>Reads and writes a period in lower case.</summary>
public sealed class LedgerPeriodJsonConverter() : JsonStringEnumConverter<LedgerPeriod>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>Reads and writes a type of entry in lower case.</summary>
public sealed class LedgerEntryTypeJsonConverter() : JsonStringEnumConverter<LedgerEntryType>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>Reads and writes a mechanism as <c>dpsgd</c>, <c>discrete_gaussian</c>, <c>skellam</c>, <c>metric</c>.</summary>
public sealed class LedgerMechanismJsonConverter() : JsonStringEnumConverter<LedgerMechanism>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);
