// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;

namespace FedCloud.TorchTrainer.Devices;

/// <summary>Where libtorch is, and whether it can be loaded.</summary>
/// <remarks>TorchSharp itself, where it cannot load it, copies hundreds of megabytes out of the package cache beside the program and writes a trace to the standard output. So it is not asked before this is.</remarks>
internal static class TorchLibrary
{
    /// <summary>The file that holds most of libtorch.</summary>
    private const string FileName = "libtorch_cpu.so";

    /// <summary>The file that has CUDA.</summary>
    private const string CudaName = "libtorch_cuda.so";

    /// <summary>TorchSharp's own, which calls the other.</summary>
    private const string BridgeName = "libLibTorchSharp.so";

    private static readonly Lazy<(nint Handle, FedCloudException? Trouble)> Loaded = new(Load);

    /// <summary>Why nothing can be computed; null when it can.</summary>
    public static FedCloudException? Trouble => Loaded.Value.Trouble;

    /// <summary>Whether libtorch is one with CUDA.</summary>
    public static bool HasCuda => Find(CudaName) is not null;

    /// <summary>libtorch, loaded.</summary>
    /// <exception cref="FedCloudException"><c>package_not_restored</c>.</exception>
    public static nint Require() => Loaded.Value.Trouble is { } trouble ? throw trouble : Loaded.Value.Handle;

    private static (nint Handle, FedCloudException? Trouble) Load()
    {
        if (Find(FileName) is not { } folder)
        {
            return (0, new FedCloudException(
                ErrorCodes.PackageNotRestored,
                $"expected {FileName} beside fedcloud-trainer-torch, found none",
                "publish the trainer with it: dotnet publish silo-agent/TorchTrainer -c Release -p:Torch=cuda (or cpu)"));
        }

        try
        {
            nint handle = NativeLibrary.Load(Path.Combine(folder, FileName));
            NativeLibrary.Load(Path.Combine(folder, BridgeName));
            return (handle, null);
        }
        catch (DllNotFoundException error)
        {
            // The first line of the runtime's message is advice; then comes what the loader said.
            string[] lines = error.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return (0, new FedCloudException(
                ErrorCodes.PackageNotRestored,
                $"expected to load libtorch from {folder}, found: {(lines.Length > 1 ? lines[1] : error.Message)}",
                "install what the message names; TorchSharp needs glibc 2.34 and the libstdc++ of GCC 13, as Ubuntu 24.04 and Debian 13 have",
                error));
        }
    }

    // Where the runtime itself looks for the libraries of packages.
    private static string? Find(string name)
    {
        string known = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? string.Empty;
        string[] folders = [AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native"), .. known.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)];
        return folders.FirstOrDefault(folder => File.Exists(Path.Combine(folder, name)));
    }
}
