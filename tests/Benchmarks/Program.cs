// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Benchmarks;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Training.Kernels;

// dotnet run --project tests/Benchmarks -c Release -- aggregation | audit [entries] | audit-append [entries] | gemm | half-billion | overhead | private-step | secagg [--silos N --parameters N --dropouts N --workers N] | tokenizer | training [LENGTH] | training-memory
return args switch
{
    ["aggregation"] => await AggregationMemory.RunAsync(),
    ["aggregation", string silos] when int.TryParse(silos, NumberStyles.None, CultureInfo.InvariantCulture, out int count) => await AggregationMemory.RunAsync(count),
    ["gemm"] => await GemmSpeed.RunAsync(),
    ["gemm", "one"] => GemmSpeed.RunOne(),
    ["half-billion"] => await HalfBillion.RunAsync(),
    ["half-billion", string folder, string storage, string batch] when WeightStorageExtensions.FromWire(storage) is { } kind => HalfBillion.RunOne(folder, kind, Number(batch)),
    ["audit"] => await AuditLogSpeed.RunAsync(1_000_000),
    ["audit", string entries] when int.TryParse(entries, NumberStyles.None, CultureInfo.InvariantCulture, out int count) => await AuditLogSpeed.RunAsync(count),
    ["audit-append"] => await AuditAppendSpeed.RunAsync(20_000),
    ["audit-append", string entries] when int.TryParse(entries, NumberStyles.None, CultureInfo.InvariantCulture, out int count) => await AuditAppendSpeed.RunAsync(count),
    ["audit-verify", string folder, string depth] => await AuditLogSpeed.VerifyAsync(folder, Enum.Parse<VerificationDepth>(depth)),
    ["private-step"] => PrivateStepCost.Run(),
    ["overhead"] => await RoundOverhead.RunAsync(),
    ["secagg"] => SecureAggregationCost.Run(),
    ["secagg", "--silos", string silos, "--parameters", string parameters, "--dropouts", string dropouts, "--workers", string workers] =>
        await SecureSumCost.RunAsync(Number(silos), Number(parameters), Number(dropouts), Number(workers)),
    ["tokenizer"] => TokenizerSpeed.Run(),
    ["training-memory"] => TrainingMemory.Run(),
    ["training"] => await TrainingSpeed.RunAsync(TrainingModel.Length, 1024),
    ["training", string length] => await TrainingSpeed.RunAsync(Number(length)),
    ["training", string folder, string threads, string length] => TrainingParticipant.Run(folder, Number(threads), Number(length)),
    _ => Usage(),
};

static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run --project tests/Benchmarks -c Release -- aggregation | audit [entries] | audit-append [entries] | gemm | half-billion | overhead | private-step | secagg [--silos N --parameters N --dropouts N --workers N] | tokenizer | training [LENGTH] | training-memory");
    return 2;
}
