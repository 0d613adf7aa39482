// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.Protocol.Jobs;

/// <summary>What a job computes on.</summary>
/// <param name="IsCuda">Whether it is a CUDA device; else the processor.</param>
/// <param name="Index">Which of them, from 0.</param>
public sealed record JobDevice(bool IsCuda, int Index)
{
    private const string Processor = "cpu";
    private const string Cuda = "cuda";

    /// <summary>Reads <c>cpu</c>, <c>cuda</c> (the first) or <c>cuda:N</c>.</summary>
    /// <param name="name">The text.</param>
    /// <returns>Null when it is something else.</returns>
    public static JobDevice? Parse(string name) => name switch
    {
        Processor => new JobDevice(false, 0),
        Cuda => new JobDevice(true, 0),
        _ when name is ['c', 'u', 'd', 'a', ':', .. var number] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int index) => new JobDevice(true, index),
        _ => null,
    };

    /// <inheritdoc/>
    public override string ToString() => IsCuda ? string.Create(CultureInfo.InvariantCulture, $"{Cuda}:{Index}") : Processor;
}
