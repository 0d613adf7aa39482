// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;

namespace FedCloud.Training.Kernels;

/// <summary>Unmanaged memory for vectors. Large blocks ask for large pages where the system gives them on request (Linux's <c>madvise</c>): rows a page apart then cost no walk through the page tables each. It is the only native function that the trainer calls, and a test holds that.</summary>
internal static unsafe partial class AlignedMemory
{
    private const int Line = 64;
    private const int LargePage = 2 << 20;
    private const int HugePageAdvice = 14; // MADV_HUGEPAGE, linux/mman.h

    /// <summary>Allocates; what is in it is not defined.</summary>
    /// <param name="bytes">How many.</param>
    public static byte* Allocate(nuint bytes)
    {
        bool isLarge = bytes >= LargePage && OperatingSystem.IsLinux();
        byte* start = (byte*)NativeMemory.AlignedAlloc(bytes, (nuint)(isLarge ? LargePage : Line));
        if (isLarge)
        {
            // Only a wish: where it is not granted, pages are small.
            _ = Advise(start, bytes / LargePage * LargePage, HugePageAdvice);
        }

        return start;
    }

    /// <summary>Frees; null is nothing.</summary>
    public static void Free(void* start) => NativeMemory.AlignedFree(start);

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(void* start, nuint bytes, int advice);
}
