// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Xunit;

namespace FedCloud.Coordinator.Tests.SecureAggregation;

/// <summary>What is allocated is counted in the whole process, so nothing else may run.</summary>
[CollectionDefinition(nameof(SecureSumMemoryTests), DisableParallelization = true)]
public sealed class SecureSumMemoryAlone;

[Collection(nameof(SecureSumMemoryTests))]
public sealed class SecureSumMemoryTests
{
    [Theory]
    [InlineData(4)]
    [InlineData(7)]
    public async Task Run_VectorsOfTwoRanges_AllocatesOneRangeAndAFewPiecesHoweverManySilosThereAre(int n)
    {
        const int Range = 1 << 18; // 1 MiB
        using SecureRound round = new(n, 32, (2 * Range) - 10, [.. Enumerable.Range(1, n)]);
        await round.PutVectorsAsync();
        await round.SumAsync(workers: 1, Range);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await round.SumToFilesAsync(workers: 1, Range);

        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, Range * 4, 5L << 20); // the range, a piece, the opening's buffers of 64 Ki coordinates, the keys
    }
}
