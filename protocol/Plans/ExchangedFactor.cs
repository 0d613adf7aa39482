// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Plans;

/// <summary>Which LoRA factors train and travel in a round.</summary>
public enum ExchangedFactor
{
    /// <summary>Only B, the output side (out x r).</summary>
    B,

    /// <summary>Only A, the input side (r x in).</summary>
    A,

    /// <summary>Both.</summary>
    Both,
}

/// <summary>The spelling of <see cref="ExchangedFactor"/> in messages and job files.</summary>
public static class ExchangedFactorExtensions
{
    /// <summary><c>a</c>, <c>b</c> or <c>both</c>.</summary>
    public static string ToWire(this ExchangedFactor factor) => factor switch
    {
        ExchangedFactor.A => "a",
        ExchangedFactor.B => "b",
        _ => "both",
    };

    /// <summary>Reads the spelling; null when it is another text.</summary>
    public static ExchangedFactor? FromWire(string text) => text switch
    {
        "a" => ExchangedFactor.A,
        "b" => ExchangedFactor.B,
        "both" => ExchangedFactor.Both,
        _ => null,
    };
}
