// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using TorchSharp;

namespace FedCloud.TorchTrainer.Devices;

/// <summary>Makes libtorch give the same bits for the same job on the same machine.</summary>
/// <remarks>
/// TorchSharp 0.107 declares <c>use_deterministic_algorithms</c> without implementing it, so the switch is called in libtorch itself
/// (2.10, aten/src/ATen/Context.h), whose version is pinned beside TorchSharp's. An operation without a deterministic form then fails.
/// cuBLAS needs a workspace of fixed size, and reads that from the environment of the process, which .NET's own variables do not reach.
/// </remarks>
internal static unsafe partial class Determinism
{
    private const string GlobalContext = "_ZN2at13globalContextEv"; // at::globalContext()
    private const string Set = "_ZN2at7Context26setDeterministicAlgorithmsEbb"; // at::Context::setDeterministicAlgorithms(bool on, bool warnOnly)
    private const string Get = "_ZNK2at7Context23deterministicAlgorithmsEv"; // at::Context::deterministicAlgorithms()

    /// <summary>Whether it is switched on.</summary>
    public static bool IsOn
    {
        get
        {
            nint library = TorchLibrary.Require();
            return ((delegate* unmanaged[Cdecl]<void*, byte>)NativeLibrary.GetExport(library, Get))(Context(library)) != 0;
        }
    }

    /// <summary>Switches it on, and products in TF32 off. To be called before anything is computed on a device.</summary>
    public static void Switch()
    {
        nint library = TorchLibrary.Require();
        if (!OperatingSystem.IsWindows())
        {
            _ = SetEnvironment("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 1);
        }

        ((delegate* unmanaged[Cdecl]<void*, byte, byte, void>)NativeLibrary.GetExport(library, Set))(Context(library), 1, 0);
        torch.manual_seed(0);
        torch.backends.cuda.matmul.allow_tf32 = false;
        torch.backends.cudnn.allow_tf32 = false;
    }

    private static void* Context(nint library) => ((delegate* unmanaged[Cdecl]<void*>)NativeLibrary.GetExport(library, GlobalContext))();

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
