// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Identity;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class EvidenceSnapshotTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(70_000)]
    public void Holds_FilesOfALargerLog_AreThoseOfItsOwn(long size)
    {
        const long Larger = 70_300;
        HashSet<string> own = [.. Paths(size)];

        Assert.All(own, path => Assert.True(EvidenceSnapshot.Holds(path, size, rosters: 1), path));
        Assert.All(Paths(Larger).Where(path => !own.Contains(path)), path => Assert.False(EvidenceSnapshot.Holds(path, size, rosters: 1), path));
    }

    [Fact]
    public void Holds_WhatCameLater_IsLeftOut()
    {
        Assert.True(EvidenceSnapshot.Holds(EvidenceLayout.Of(LogContainer.Log, LogPaths.Cosigned(10, new SiloId("silo-1"))), 10, 1));
        Assert.False(EvidenceSnapshot.Holds(EvidenceLayout.Of(LogContainer.Log, LogPaths.Cosigned(11, new SiloId("silo-1"))), 10, 1));
        Assert.False(EvidenceSnapshot.Holds(EvidenceLayout.Of(LogContainer.Log, LogPaths.Archive(11)), 10, 1));
        Assert.False(EvidenceSnapshot.Holds(EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Batch(10)), 10, 1));
        Assert.True(EvidenceSnapshot.Holds(EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Batch(9)), 10, 1));
        Assert.False(EvidenceSnapshot.Holds(EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Head), 10, 1));
        Assert.True(EvidenceSnapshot.Holds(EvidenceLayout.Roster(1), 10, 1));
        Assert.False(EvidenceSnapshot.Holds(EvidenceLayout.Roster(2), 10, 1));
        Assert.False(EvidenceSnapshot.Holds("log-head/writer", 10, 1));
    }

    private static IEnumerable<string> Paths(long size) =>
        TileLayout.Tiles(size).Select(tile => tile.Path).Concat(TileLayout.Bundles(size).Select(bundle => bundle.Path)).Select(path => EvidenceLayout.Of(LogContainer.Log, path));
}
