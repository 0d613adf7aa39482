// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Storage;

/// <summary>A document in memory beside the one that is stored.</summary>
public sealed class HeldDocumentTests
{
    private static readonly BlobName Name = new(StorageNames.State, "pointer.json");
    private static readonly ChannelPointer First = new(new RunId("run-1"), 1, Sha256Digest.Zero);
    private static readonly ChannelPointer Second = First with { Version = 2 };

    private readonly MemoryBlobStore _store = new(TimeProvider.System);
    private RequestFault _fault;

    [Fact]
    public async Task Replace_AnswerLost_TheNextChangeBeginsWithWhatIsStored()
    {
        using HeldDocument<ChannelPointer> held = await HoldAsync();
        _fault = RequestFault.AnswerLost;
        await Assert.ThrowsAsync<FedCloudException>(() => held.ReplaceAsync(_ => Second, default));
        Assert.Equal(First, held.Current);

        _fault = RequestFault.None;
        Assert.True(await held.ReplaceAsync(document => document with { Version = document.Version + 1 }, default));

        Assert.Equal((3, 3), (held.Current.Version, (await HoldAsync()).Current.Version));
    }

    [Theory]
    [InlineData(RequestFault.AnswerLost, true)]
    [InlineData(RequestFault.Lost, false)]
    internal async Task Refresh_AfterADoubtfulWrite_SaysWhetherItWasMade(RequestFault fault, bool made)
    {
        using HeldDocument<ChannelPointer> held = await HoldAsync();
        _fault = fault;
        await Assert.ThrowsAsync<FedCloudException>(() => held.ReplaceAsync(_ => Second, default));

        _fault = RequestFault.None;
        await held.RefreshAsync(default);

        Assert.Equal(made ? Second : First, held.Current);
        Assert.False(await held.RefreshAsync(default));
    }

    [Fact]
    public async Task Replace_SameDocument_WritesNothing()
    {
        using HeldDocument<ChannelPointer> held = await HoldAsync();
        _fault = RequestFault.Lost;

        Assert.False(await held.ReplaceAsync(document => document, default));
    }

    [Fact]
    public async Task Replace_WhileAnotherChangeIsMade_WaitsForIt()
    {
        using HeldDocument<ChannelPointer> held = await HoldAsync();
        Task<bool> second = Task.FromResult(false);

        await held.ReplaceAsync(
            document =>
            {
                second = held.ReplaceAsync(later => later with { Version = later.Version * 10 }, default);
                return document with { Version = 2 };
            },
            default);

        Assert.True(await second);
        Assert.Equal(20, held.Current.Version);
    }

    private async Task<HeldDocument<ChannelPointer>> HoldAsync()
    {
        await _store.EnsureContainerAsync(StorageNames.State, default);
        return await new StoredDocument<ChannelPointer>(new UnreliableStore(_store, () => _fault), Name, DocumentJson.Default.ChannelPointer).HoldAsync(() => First, default);
    }
}
