// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Benchmarks;

// dotnet run --project tests/Benchmarks -c Release -- aggregation | overhead | tokenizer
return args switch
{
    ["aggregation"] => await AggregationMemory.RunAsync(),
    ["overhead"] => await RoundOverhead.RunAsync(),
    ["tokenizer"] => TokenizerSpeed.Run(),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run --project tests/Benchmarks -c Release -- aggregation | overhead | tokenizer");
    return 2;
}
