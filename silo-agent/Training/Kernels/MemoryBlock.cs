// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;

namespace FedCloud.Training.Kernels;

/// <summary>Unmanaged memory: its own, 64-byte aligned and zeroed when made, or a part of another's. Whoever makes it disposes it.</summary>
internal sealed unsafe class MemoryBlock : IDisposable
{
    private readonly SafeBuffer? _lender; // whose memory it is, if it is not its own

    /// <summary>Allocates zeros.</summary>
    /// <param name="bytes">How many.</param>
    public MemoryBlock(long bytes)
    {
        nuint size = (nuint)Math.Max(64, bytes);
        Start = AlignedMemory.Allocate(size);
        NativeMemory.Clear(Start, size);
    }

    /// <summary>Borrows a part of another's memory, which stays there as long as the block.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="lender">The memory.</param>
    /// <param name="position">The first byte there.</param>
    public MemoryBlock(long bytes, SafeBuffer lender, long position)
    {
        if ((ulong)position + (ulong)bytes > lender.ByteLength)
        {
            throw new ArgumentOutOfRangeException(nameof(position), position, "the matrix would end behind the memory");
        }

        byte* start = null;
        lender.AcquirePointer(ref start);
        _lender = lender;
        Start = start + position;
    }

#pragma warning disable MA0055 // owns unmanaged memory
    /// <summary>Frees what was not disposed.</summary>
    ~MemoryBlock() => Free();
#pragma warning restore MA0055

    /// <summary>The first byte; null once disposed.</summary>
    public byte* Start { get; private set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_lender is null)
        {
            AlignedMemory.Free(Start);
        }
        else if (Start is not null)
        {
            _lender.ReleasePointer();
        }

        Start = null;
    }
}
