// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;

namespace FedCloud.Training.Decoders;

/// <summary>The adapter of one linear layer.</summary>
/// <param name="A">(r, in).</param>
/// <param name="B">(out, r).</param>
/// <param name="Scaling">s: alpha / r, or alpha / √r with rsLoRA.</param>
/// <param name="Magnitude">The lengths of the rows of a decomposed weight (DoRA), (1, out); null where it is not decomposed.</param>
public sealed record LoraFactors(Parameter A, Parameter B, float Scaling, Parameter? Magnitude = null)
{
    /// <summary>The rank.</summary>
    public int Rank => A.Value.Rows;

    /// <summary>Makes factors train, and with either of them the magnitudes of a decomposed weight.</summary>
    public void Train(ExchangedFactor exchanged)
    {
        if (exchanged is ExchangedFactor.A or ExchangedFactor.Both)
        {
            A.Train();
        }

        if (exchanged is ExchangedFactor.B or ExchangedFactor.Both)
        {
            B.Train();
        }

        Magnitude?.Train();
    }

    /// <summary>All that may train, in the order of the adapter's tensors.</summary>
    public IEnumerable<Parameter> Parameters => Magnitude is null ? [A, B] : [A, B, Magnitude];
}
