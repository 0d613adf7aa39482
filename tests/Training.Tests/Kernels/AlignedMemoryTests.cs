// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Tests.Kernels;

public sealed unsafe class AlignedMemoryTests
{
    [Theory]
    [InlineData(64, 64)]
    [InlineData((2 << 20) - 4, 64)]
    [InlineData(2 << 20, 2 << 20)]
    [InlineData((5 << 20) + 12, 2 << 20)]
    public void Allocate_AnySize_IsAlignedAndWritableToItsEnd(int bytes, int alignment)
    {
        byte* start = AlignedMemory.Allocate((nuint)bytes);

        new Span<byte>(start, bytes).Fill(7);

        Assert.Equal(0, (long)start % (OperatingSystem.IsLinux() ? alignment : 64));
        Assert.Equal(7, start[bytes - 1]);
        AlignedMemory.Free(start);
    }
}
