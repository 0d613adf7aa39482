// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Benchmarks;

// dotnet run --project tests/Benchmarks -c Release -- aggregation | overhead | tokenizer
return args switch
{
    ["aggregation"] => await AggregationMemory.RunAsync(),
    ["aggregation", string silos] when int.TryParse(silos, NumberStyles.None, CultureInfo.InvariantCulture, out int count) => await AggregationMemory.RunAsync(count),
    ["overhead"] => await RoundOverhead.RunAsync(),
    ["tokenizer"] => TokenizerSpeed.Run(),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run --project tests/Benchmarks -c Release -- aggregation | overhead | tokenizer");
    return 2;
}
