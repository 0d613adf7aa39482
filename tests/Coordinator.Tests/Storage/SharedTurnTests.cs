// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Storage;

/// <summary>Turns that several processes take on one storage.</summary>
#pragma warning disable CA1001 // xunit disposes of it
public sealed class SharedTurnTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private static readonly BlobName Name = StorageNames.Turn("federation");

    private readonly SimulatedTime _time = new();
    private readonly MemoryBlobStore _store;
    private readonly List<SharedTurn> _processes = [];

    public SharedTurnTests() => _store = new MemoryBlobStore(_time);

    public Task InitializeAsync() => _store.EnsureContainerAsync(StorageNames.State, default);

    public Task DisposeAsync()
    {
        _processes.ForEach(process => process.Dispose());
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Take_WhileAnotherProcessHasTheTurn_IsRefusedUntilItEnds()
    {
        SharedTurn first = Process();
        SharedTurn second = Process();

        await using (await first.TakeAsync(default))
        {
            Assert.Equal(ErrorCodes.StorageUnreachable, (await Assert.ThrowsAsync<FedCloudException>(() => second.TakeAsync(default))).Code);
        }

        await using IAsyncDisposable turn = await second.TakeAsync(default);
    }

    [Fact]
    public async Task Take_InTheSameProcess_WaitsForTheOneBefore()
    {
        SharedTurn process = Process();
        IAsyncDisposable first = await process.TakeAsync(default);
        Task<IAsyncDisposable> second = process.TakeAsync(default);
        Assert.False(second.IsCompleted);

        await first.DisposeAsync();

        await using IAsyncDisposable turn = await second;
    }

    [Fact]
    public async Task Take_HolderDied_TheNextHasItOnceTheLeaseIsOver()
    {
        await Process().TakeAsync(default);
        SharedTurn next = Process();

        _time.Advance(TimeSpan.FromSeconds(59));
        await Assert.ThrowsAsync<FedCloudException>(() => next.TakeAsync(default));
        _time.Advance(TimeSpan.FromSeconds(2));

        await using IAsyncDisposable turn = await next.TakeAsync(default);
    }

    // The one that was too slow ends its turn while another has it.
    [Fact]
    public async Task End_AfterTheLeaseIsOver_LeavesTheNextHoldersTurnAlone()
    {
        IAsyncDisposable slow = await Process().TakeAsync(default);
        _time.Advance(TimeSpan.FromSeconds(61));
        await using IAsyncDisposable next = await Process().TakeAsync(default);

        await slow.DisposeAsync();

        await Assert.ThrowsAsync<FedCloudException>(() => Process().TakeAsync(default));
    }

    [Theory]
    [InlineData(3_600)]
    [InlineData(-3_600)]
    public async Task Take_ClockThatIsOff_TakesNothingFromTheHolder(int seconds)
    {
        await using IAsyncDisposable held = await Process().TakeAsync(default);

        SharedTurn off = Process(clock: new SkewedTime(_time, TimeSpan.FromSeconds(seconds)));

        await Assert.ThrowsAsync<FedCloudException>(() => off.TakeAsync(default));
    }

    [Fact]
    public async Task Take_WithPatience_WaitsForTheHolder()
    {
        IAsyncDisposable held = await Process().TakeAsync(default);
        WaitingTime waiting = new(_time);
        int waits = 0;
        waiting.Waited = async () =>
        {
            if (++waits == 5)
            {
                await held.DisposeAsync();
            }
        };

        await using IAsyncDisposable turn = await Process(waiting, TimeSpan.FromMinutes(2)).TakeAsync(default);

        Assert.Equal(5, waits);
    }

    [Fact]
    public async Task Take_PatienceIsOver_SaysSoAndTheProcessCanTryAgain()
    {
        IAsyncDisposable held = await Process().TakeAsync(default);
        SharedTurn other = Process(new WaitingTime(_time), TimeSpan.FromSeconds(3));
        DateTimeOffset began = _time.Now;

        FedCloudException refused = await Assert.ThrowsAsync<FedCloudException>(() => other.TakeAsync(default));
        await held.DisposeAsync();

        Assert.Contains("for 3 s", refused.Message, StringComparison.Ordinal);
        Assert.Equal(3, (_time.Now - began).TotalSeconds, 1.0);
        await using IAsyncDisposable turn = await other.TakeAsync(default);
    }

    [Fact]
    public async Task Take_Cancelled_LeavesTheProcessFree()
    {
        IAsyncDisposable held = await Process().TakeAsync(default);
        using CancellationTokenSource stop = new();
        WaitingTime waiting = new(_time) { Waited = () => stop.CancelAsync() };
        SharedTurn other = Process(waiting, TimeSpan.FromMinutes(2));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other.TakeAsync(stop.Token));
        await held.DisposeAsync();

        await using IAsyncDisposable turn = await other.TakeAsync(default);
    }

    [Fact]
    public async Task End_StorageAway_LetsTheProcessGoOnAndOthersAfterAMinute()
    {
        RequestFault fault = RequestFault.None;
        SharedTurn process = Process(next: () => fault);
        IAsyncDisposable turn = await process.TakeAsync(default);

        fault = RequestFault.Lost;
        await turn.DisposeAsync();
        fault = RequestFault.None;
        await Assert.ThrowsAsync<FedCloudException>(() => process.TakeAsync(default));
        _time.Advance(TimeSpan.FromSeconds(61));

        await using IAsyncDisposable next = await process.TakeAsync(default);
    }

    private SharedTurn Process(TimeProvider? clock = null, TimeSpan patience = default, Func<RequestFault>? next = null)
    {
        SharedTurn turn = new(new UnreliableStore(_store, next ?? (static () => RequestFault.None)), Name, clock ?? _time, patience);
        _processes.Add(turn);
        return turn;
    }
}
