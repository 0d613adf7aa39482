// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;

namespace FedCloud.Benchmarks;

/// <summary>The single-precision product of OpenBLAS, where the system has it. Only to compare with.</summary>
internal sealed unsafe class OpenBlas
{
    private const int RowMajor = 101;
    private const int Plain = 111;
    private const int Transposed = 112;

    // The build that works with OpenMP first, since that is the one whose threads PyTorch shares.
    private static readonly string[] Libraries = ["/usr/lib/x86_64-linux-gnu/openblas-openmp/libopenblas.so.0", "libopenblas.so.0"];

    private readonly delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void> _multiply;
    private readonly delegate* unmanaged<int, void> _threads;
    private readonly delegate* unmanaged<byte*> _kernel;

    private OpenBlas(nint library)
    {
        _multiply = (delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void>)NativeLibrary.GetExport(library, "cblas_sgemm");
        _threads = (delegate* unmanaged<int, void>)NativeLibrary.GetExport(library, "openblas_set_num_threads");
        _kernel = (delegate* unmanaged<byte*>)NativeLibrary.GetExport(library, "openblas_get_corename");
    }

    /// <summary>The kernels that it chose.</summary>
    public string Kernel => Marshal.PtrToStringAnsi((nint)_kernel()) ?? string.Empty;

    /// <summary>Loads it; null where it is absent.</summary>
    public static OpenBlas? TryLoad()
    {
        foreach (string name in Libraries)
        {
            if (NativeLibrary.TryLoad(name, out nint library))
            {
                return new OpenBlas(library);
            }
        }

        return null;
    }

    /// <summary>The same product as <see cref="Training.Kernels.Gemm.Multiply"/>.</summary>
    public void Multiply(GemmShape shape, float* a, float* b, float* c, int threads)
    {
        _threads(threads);
        (int lda, int ldb) = (shape.TransposeA ? shape.M : shape.K, shape.TransposeB ? shape.K : shape.N);
        _multiply(RowMajor, shape.TransposeA ? Transposed : Plain, shape.TransposeB ? Transposed : Plain, shape.M, shape.N, shape.K, 1, a, lda, b, ldb, 0, c, shape.N);
    }
}
