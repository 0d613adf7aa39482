// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Benchmarks;
using FedCloud.Protocol.Audit.Verification;

// dotnet run --project tests/Benchmarks -c Release -- aggregation | audit [entries] | overhead | tokenizer
return args switch
{
    ["aggregation"] => await AggregationMemory.RunAsync(),
    ["aggregation", string silos] when int.TryParse(silos, NumberStyles.None, CultureInfo.InvariantCulture, out int count) => await AggregationMemory.RunAsync(count),
    ["audit"] => await AuditLogSpeed.RunAsync(1_000_000),
    ["audit", string entries] when int.TryParse(entries, NumberStyles.None, CultureInfo.InvariantCulture, out int count) => await AuditLogSpeed.RunAsync(count),
    ["audit-verify", string folder, string depth] => await AuditLogSpeed.VerifyAsync(folder, Enum.Parse<VerificationDepth>(depth)),
    ["overhead"] => await RoundOverhead.RunAsync(),
    ["tokenizer"] => TokenizerSpeed.Run(),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run --project tests/Benchmarks -c Release -- aggregation | audit [entries] | overhead | tokenizer");
    return 2;
}
