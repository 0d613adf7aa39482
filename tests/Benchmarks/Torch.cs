// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;

namespace FedCloud.Benchmarks;

/// <summary>PyTorch in the system's Python, with OpenBLAS's OpenMP build.</summary>
internal static class Torch
{
    private const string Python = "/usr/bin/python3";
    private const string OpenMp = "/usr/lib/x86_64-linux-gnu/openblas-openmp";

    /// <summary>Whether this Python can load it, and it has OpenBLAS: with the reference BLAS it is many times slower, and no peer.</summary>
    public static bool IsInstalled { get; } = File.Exists(Python) && Directory.Exists(OpenMp) && Imports();

    /// <summary>Starts the script beside this program; null where PyTorch is absent.</summary>
    /// <param name="folder">What <see cref="TrainingModel.Write"/> wrote.</param>
    /// <param name="threads">Its threads.</param>
    /// <param name="length">The length of sequences.</param>
    /// <param name="form">How the model is written, in the script's words.</param>
    /// <param name="widest">Whether OpenBLAS is told to take its AVX-512 kernels.</param>
    public static Process? TryStart(string folder, int threads, int length, string form, bool widest)
    {
        if (!IsInstalled)
        {
            return null;
        }

        ProcessStartInfo start = new(Python, [Path.Combine(AppContext.BaseDirectory, "training_torch.py"), folder, threads.ToString(CultureInfo.InvariantCulture), length.ToString(CultureInfo.InvariantCulture), form])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["LD_LIBRARY_PATH"] = OpenMp;
        start.Environment["OMP_NUM_THREADS"] = threads.ToString(CultureInfo.InvariantCulture);
        if (widest)
        {
            start.Environment[VectorWidth.OpenBlasKernel] = "SkylakeX";
        }

        return Process.Start(start);
    }

    private static bool Imports()
    {
        using Process? process = Process.Start(new ProcessStartInfo(Python, ["-c", "import torch, numpy"]) { RedirectStandardError = true, UseShellExecute = false });
        process?.StandardError.ReadToEnd();
        process?.WaitForExit();
        return process?.ExitCode == 0;
    }
}
