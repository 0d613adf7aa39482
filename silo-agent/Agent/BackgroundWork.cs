// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Silos;

namespace FedCloud.SiloAgent;

/// <summary>Effects that run beside the agent's other work: fetching, training, evaluating. One caller; only the wake-up comes from elsewhere.</summary>
/// <param name="wake">Called when something has finished.</param>
internal sealed class BackgroundWork(Action wake)
{
    private readonly Dictionary<long, (Task<SiloEvent?> Task, CancellationTokenSource Stop, RunId Job)> _running = [];
    private readonly ConcurrentQueue<long> _finished = new();

    /// <summary>Whether any effect is under way, or done and not yet taken.</summary>
    public bool HasWork => _running.Count > 0;

    /// <summary>Whether something waits to be taken.</summary>
    public bool HasFinished => !_finished.IsEmpty;

    /// <summary>Whether an effect is under way, or done and not yet taken.</summary>
    public bool IsRunning(long id) => _running.ContainsKey(id);

    /// <summary>Begins an effect.</summary>
    /// <param name="id">Its number.</param>
    /// <param name="job">Its run.</param>
    /// <param name="work">Does it.</param>
    /// <param name="cancellation">Ends it with the agent, which then takes nothing any more.</param>
    public void Begin(long id, RunId job, Func<CancellationToken, Task<SiloEvent?>> work, CancellationToken cancellation)
    {
        CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task<SiloEvent?> task = Task.Run(() => work(stop.Token), CancellationToken.None);
        _running[id] = (task, stop, job);
        _ = task.ContinueWith(
            _ =>
            {
                if (!cancellation.IsCancellationRequested)
                {
                    _finished.Enqueue(id);
                    wake();
                }
            },
            CancellationToken.None,
            TaskContinuationOptions.None,
            TaskScheduler.Default);
    }

    /// <summary>Hands over what has finished; work that was stopped has no result.</summary>
    public async Task TakeFinishedAsync(Action<long, SiloEvent?> take)
    {
        while (_finished.TryDequeue(out long id))
        {
            (Task<SiloEvent?> task, CancellationTokenSource stop, _) = _running[id];
            _running.Remove(id);
            stop.Dispose();
            take(id, task.IsCanceled ? null : await task);
        }
    }

    /// <summary>Stops the work of a run.</summary>
    public async Task StopAsync(RunId job)
    {
        foreach ((_, CancellationTokenSource stop, _) in _running.Values.Where(running => running.Job == job))
        {
            await stop.CancelAsync();
        }
    }

    /// <summary>Stops all work and waits for its end.</summary>
    public async Task StopAsync()
    {
        foreach ((Task<SiloEvent?> task, CancellationTokenSource stop, _) in _running.Values)
        {
            await stop.CancelAsync();
            await task.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }
}
