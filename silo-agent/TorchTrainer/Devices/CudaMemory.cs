// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;

namespace FedCloud.TorchTrainer.Devices;

/// <summary>The free memory of a CUDA device, from its driver (CUDA driver API, <c>cuMemGetInfo</c>), since TorchSharp does not tell it.</summary>
internal static partial class CudaMemory
{
    private const string Driver = "libcuda.so.1";

    /// <summary>Free bytes, once the device's context is there; what the context itself takes is then not among them.</summary>
    /// <param name="index">The device.</param>
    /// <returns>Null where the driver does not tell it.</returns>
    public static long? Free(int index)
    {
        try
        {
            return Init(0) == 0 && DeviceOf(out int device, index) == 0 && Retain(out nint context, device) == 0 ? FreeIn(context, device) : null;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    private static long? FreeIn(nint context, int device)
    {
        try
        {
            if (Push(context) != 0)
            {
                return null;
            }

            bool told = MemoryOf(out nuint free, out _) == 0;
            _ = Pop(out _);
            return told ? (long)free : null;
        }
        finally
        {
            _ = Release(device);
        }
    }

    [LibraryImport(Driver, EntryPoint = "cuInit")]
    private static partial int Init(uint flags);

    [LibraryImport(Driver, EntryPoint = "cuDeviceGet")]
    private static partial int DeviceOf(out int device, int index);

    [LibraryImport(Driver, EntryPoint = "cuDevicePrimaryCtxRetain")]
    private static partial int Retain(out nint context, int device);

    [LibraryImport(Driver, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    private static partial int Release(int device);

    [LibraryImport(Driver, EntryPoint = "cuCtxPushCurrent_v2")]
    private static partial int Push(nint context);

    [LibraryImport(Driver, EntryPoint = "cuCtxPopCurrent_v2")]
    private static partial int Pop(out nint context);

    [LibraryImport(Driver, EntryPoint = "cuMemGetInfo_v2")]
    private static partial int MemoryOf(out nuint free, out nuint total);
}
