// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedCloud.Benchmarks;

/// <summary>The engine's kernels. A process chooses one when it starts, so each is measured in a process of its own.</summary>
/// <param name="Name">Its name in tables.</param>
/// <param name="Off">The switch of the runtime that hides wider vectors; null for none.</param>
internal sealed record VectorWidth(string Name, string? Off)
{
    /// <summary>Those that this processor can run, widest first.</summary>
    public static IReadOnlyList<VectorWidth> All { get; } = Vector512.IsHardwareAccelerated
        ? [new("AVX-512", null), new("AVX2", "DOTNET_EnableAVX512"), new("portable", "DOTNET_EnableAVX")]
        : Vector256.IsHardwareAccelerated ? [new("AVX2", null), new("portable", "DOTNET_EnableAVX")] : [new("portable", null)];

    /// <summary>Starts this program again with these arguments and with this kernel.</summary>
    public Process Start(IReadOnlyList<string> arguments, bool input = false)
    {
        ProcessStartInfo start = new(Environment.ProcessPath ?? throw new InvalidOperationException("no program"), arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardInput = input,
        };
        if (Off is not null)
        {
            start.Environment[Off] = "0";
        }
        else if (Avx512F.IsSupported)
        {
            // OpenBLAS 0.3.21 takes its AVX2 kernels on some processors that are newer than itself, unless it is told.
            start.Environment[OpenBlasKernel] = "SkylakeX";
        }

        return Process.Start(start) ?? throw new InvalidOperationException("the benchmark did not start");
    }

    /// <summary>The variable that tells OpenBLAS which kernels to use.</summary>
    public const string OpenBlasKernel = "OPENBLAS_CORETYPE";
}
