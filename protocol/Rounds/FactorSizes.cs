// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;

namespace FedCloud.Protocol.Rounds;

/// <summary>The size of an update for each set of exchanged factors, in bytes or in coordinates.</summary>
/// <param name="A">Only A factors travel.</param>
/// <param name="B">Only B factors travel.</param>
/// <param name="Both">Both travel.</param>
public sealed record FactorSizes(long A, long B, long Both)
{
    /// <summary>The sizes that a function gives.</summary>
    public static FactorSizes From(Func<ExchangedFactor, long> size)
    {
        ArgumentNullException.ThrowIfNull(size);
        return new FactorSizes(size(ExchangedFactor.A), size(ExchangedFactor.B), size(ExchangedFactor.Both));
    }

    /// <summary>The size for a set of factors.</summary>
    public long Of(ExchangedFactor exchanged) => exchanged switch
    {
        ExchangedFactor.A => A,
        ExchangedFactor.B => B,
        _ => Both,
    };
}
