// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>The code of an orchestrator: the context in, its result as JSON out.</summary>
public delegate Task<string?> OrchestratorCode(TaskOrchestrationContext context);

/// <summary>
/// One run of an orchestrator's code over a history. Events of the past must find the code doing what they say; then new events are told, and what the code does is the outcome.
/// After TaskOrchestrationExecutor and TaskOrchestrationContext of the Durable Task Framework, with a stricter comparison: inputs, times and what an episode does too much count as well.
/// </summary>
internal sealed class Replay
{
    private readonly SortedDictionary<int, HistoryEvent> _actions = [];
    private readonly Dictionary<int, OpenTask> _open = [];
    private readonly List<EventRaised> _carried = [];
    private readonly OrchestratorCode _code;
    private readonly OrchestratorThread _thread;
    private readonly ReplayContext _context;
    private readonly Violations _violations;
    private Task<string?>? _result;
    private int _nextId;

    private Replay(OrchestratorCode code, DurableTestOptions options, Violations violations)
    {
        _code = code;
        _violations = violations;
        _thread = new OrchestratorThread(violations.Report);
        Payloads = new Payloads(options);
        _context = new ReplayContext(this, options);
    }

    public Payloads Payloads { get; }
    public DateTime Now { get; private set; }
    public bool IsReplaying { get; private set; }
    public ExecutionStarted Started { get; private set; } = new(string.Empty, string.Empty, 0, string.Empty, null);
    public ContinuedAnew? Anew { get; set; }

    private bool IsReturned => _result is { IsCompleted: true } && _open.Count == 0;

    /// <summary>Runs the code over the past, tells it what is new and answers what it did.</summary>
    public static EpisodeOutcome Run(OrchestratorCode code, IEnumerable<HistoryEvent> past, IEnumerable<HistoryEvent> fresh, DurableTestOptions options, Violations violations)
    {
        Replay replay = new(code, options, violations);
        EpisodeOutcome? outcome = null;
        replay._thread.Run(() => outcome = replay.Episode(past, fresh));
        violations.Throw();
        return outcome!;
    }

    /// <summary>Runs the code over a whole history, which may be one that an older release stored.</summary>
    public static EpisodeOutcome Verify(OrchestratorCode code, DurableHistory history, DurableTestOptions options) => Run(code, history.Events, [], options, new Violations());

    public void Require() => _thread.Require();

    /// <summary>Takes an action and gives its number.</summary>
    public int Act(Func<int, HistoryEvent> action)
    {
        int id = _nextId++;
        _actions.Add(id, action(id));
        return id;
    }

    public Task<string?> Await(int id, string name, CancellationToken cancellation = default)
    {
        OpenTask task = new(name);
        _open.Add(id, task);
        if (cancellation.CanBeCanceled)
        {
            cancellation.Register(() =>
            {
                if (task.Source.TrySetCanceled(cancellation))
                {
                    _open.Remove(id);
                }
            });
        }

        return task.Source.Task;
    }

    /// <summary>Checks a payload here, where the code may catch what it likes: the test fails all the same.</summary>
    public string? Write(object? value, bool isStatus = false)
    {
        try
        {
            return isStatus ? Payloads.SerializeStatus(value) : Payloads.Serialize(value);
        }
        catch (PayloadTooLongException error)
        {
            _violations.Report(error);
            throw;
        }
    }

    private EpisodeOutcome Episode(IEnumerable<HistoryEvent> past, IEnumerable<HistoryEvent> fresh)
    {
        HistoryEvent? end = null;
        IsReplaying = true;
        foreach (HistoryEvent item in past)
        {
            if (item is OrchestratorStarted && _result is not null)
            {
                RequireNothingLeft(item);
            }

            Tell(item);
            end = item.IsEnd ? item : null;
        }

        if (_result is not null && end is null)
        {
            RequireNothingLeft(null);
        }

        IsReplaying = false;
        foreach (HistoryEvent item in fresh)
        {
            Tell(item);
            end = item is ExecutionTerminated ? item : end;
        }

        if (!_violations.Any && end is null && _result is { IsCompleted: false } && _open.Count == 0 && !_context.IsWaiting)
        {
            throw new IllegalAwaitException($"{Started.Name} waits, but for no activity, timer or event: orchestrators may await durable tasks only");
        }

        end ??= End();
        return new EpisodeOutcome([.. _actions.Values], end, [.. _carried], _context.CustomStatus);
    }

    private void Tell(HistoryEvent item)
    {
        switch (item)
        {
            case OrchestratorStarted started:
                Now = started.Timestamp;
                break;
            case ExecutionStarted started:
                Started = started;
                _result = Begin();
                break;
            case TaskCompleted done when _open.Remove(done.TaskId, out OpenTask? task):
                task.Source.TrySetResult(done.Result);
                break;
            case TaskFailed failed when _open.Remove(failed.TaskId, out OpenTask? task):
                task.Source.TrySetException(new TaskFailedException(task.Name, failed.TaskId, failed.Failure.ToDetails()));
                break;
            case TimerFired fired when _open.Remove(fired.TimerId, out OpenTask? task):
                task.Source.TrySetResult(null);
                break;
            case EventRaised raised when Anew is null:
                _context.Raise(raised);
                break;
            case EventRaised raised:
                _carried.Add(raised);
                break;
            case { ActionId: { } id }:
                Match(item, _actions.Remove(id, out HistoryEvent? action) ? action : null);
                break;
            case ContinuedAnew or ExecutionCompleted or ExecutionFailed:
                Match(item, _actions.Count > 0 ? _actions.Values.First() : End());
                break;
            default: // a completion that came twice, or of a timer that was cancelled
                break;
        }
    }

    private async Task<string?> Begin() => await _code(_context);

    private HistoryEvent? End() =>
        !IsReturned ? null
        : _result!.Exception?.InnerException is { } error ? new ExecutionFailed(HistoryFailure.From(error))
        : _result.IsCanceled ? new ExecutionFailed(HistoryFailure.From(new TaskCanceledException(_result)))
        : Anew ?? (HistoryEvent)new ExecutionCompleted(_result.Result);

    private static void Match(HistoryEvent history, HistoryEvent? code)
    {
        if (history != code)
        {
            throw new NonDeterminismException(history.ToString(), code?.ToString() ?? "nothing");
        }
    }

    // Where an episode of the past ends, the code has done what the history says and no more.
    private void RequireNothingLeft(HistoryEvent? next)
    {
        HistoryEvent? more = _actions.Count > 0 ? _actions.Values.First() : End();
        if (more is not null)
        {
            throw new NonDeterminismException(next?.ToString() ?? "no more", more.ToString());
        }
    }

    private sealed record OpenTask(string Name)
    {
        public TaskCompletionSource<string?> Source { get; } = new();
    }
}
