// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator;

/// <summary>Lets an actor go on by itself: turn after turn while something is due, else asleep until it is woken or its next deadline has come.</summary>
/// <param name="turn">Does one thing that is due; false when nothing is.</param>
/// <param name="deadline">The actor's next deadline; null for none.</param>
/// <param name="time">The clock.</param>
/// <param name="failed">Hears of turns that failed and will be tried again.</param>
public sealed class ActorLoop(Func<CancellationToken, Task<bool>> turn, Func<DateTimeOffset?> deadline, TimeProvider time, Action<Exception> failed) : IAsyncDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestSleep = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _wake = new(0);
    private readonly CancellationTokenSource _stop = new();
    private Task _work = Task.CompletedTask;

    /// <summary>Begins. What the caller is doing, a request perhaps, is not what the actor's life belongs to.</summary>
    public void Begin()
    {
        using AsyncFlowControl _ = ExecutionContext.SuppressFlow();
        _work = Task.Run(WorkAsync, CancellationToken.None);
    }

    /// <summary>Says that something may be due.</summary>
    public void Wake() => _wake.Release();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work;
        _stop.Dispose();
        _wake.Dispose();
    }

    private async Task WorkAsync()
    {
        TimeSpan retry = FirstRetry;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (!await turn(_stop.Token))
                {
                    await WaitAsync();
                }

                retry = FirstRetry;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is FedCloudException or IOException)
            {
                // The effect stays pending: it is tried again, ever more slowly, and a restart of the host tries it too.
                failed(error);
                await DelayAsync(retry);
                retry = retry * 2 < LastRetry ? retry * 2 : LastRetry;
            }
        }
    }

    // Waits for a change or for the next deadline, whichever comes first.
    private async Task WaitAsync()
    {
        TimeSpan left = deadline() is { } at ? at - time.GetUtcNow() : LongestSleep;
        if (left > TimeSpan.Zero)
        {
            await _wake.WaitAsync(left < LongestSleep ? left : LongestSleep, _stop.Token);
        }
    }

    private async Task DelayAsync(TimeSpan delay)
    {
        try
        {
            await Task.Delay(delay, time, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The host stops; the loop's condition sees it.
        }
    }
}
