// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using FedCloud.Cloud.Telemetry;
using FedCloud.Coordinator.Storage;
using FedCloud.Coordinator.Telemetry;

namespace FedCloud.Coordinator;

/// <summary>A document on a host, its pending effects one after the other, its next deadline. Decides nothing.</summary>
/// <typeparam name="TDocument">The document.</typeparam>
/// <typeparam name="TEvent">Its machine's events.</typeparam>
/// <typeparam name="TEffect">Its machine's effects.</typeparam>
public abstract class Actor<TDocument, TEvent, TEffect> : IAsyncDisposable
    where TDocument : class, IActorDocument<TDocument, TEvent, TEffect>
    where TEvent : class
{
    // An outlook is an orchestration's history: with these it stays below 16 KiB. What is left is due at the next look.
    private const int MostDue = 256;

    private readonly HeldDocument<TDocument> _document;
    private readonly TimeProvider _time;
    private readonly ActorLoop _loop;

    // The spans that pending effects follow from, as long as this process knows.
    private readonly ConcurrentDictionary<long, ActivityContext> _causes = [];

    /// <summary>Makes an actor.</summary>
    /// <param name="document">Its document.</param>
    /// <param name="time">The clock.</param>
    /// <param name="failed">Hears of effects that failed and will be tried again.</param>
    protected Actor(HeldDocument<TDocument> document, TimeProvider time, Action<TDocument, Exception> failed)
    {
        ArgumentNullException.ThrowIfNull(document);
        _document = document;
        _time = time;
        _loop = new ActorLoop(TurnAsync, () => Document.Deadline, time, error => failed(Document, error));
    }

    /// <summary>The document as it stands.</summary>
    public TDocument Document => _document.Current;

    /// <summary>Lets the actor go on by itself; else its owner calls <see cref="TurnAsync"/>, or <see cref="LookAsync"/> and <see cref="CarryOutAsync"/>.</summary>
    public void Begin() => _loop.Begin();

    /// <summary>Takes an event from outside; durable when this returns.</summary>
    /// <param name="id">The event's id, by which a redelivery is known; null for deadlines and requests, which the machine itself recognises.</param>
    /// <param name="event">The event.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Why it had no effect; null when it had one.</returns>
    public async Task<string?> ApplyAsync(string? id, TEvent @event, CancellationToken cancellation)
    {
        string? ignored = null;
        if (await ReplaceAsync(document => document.Apply(id, @event, out ignored), cancellation))
        {
            _loop.Wake();
        }

        return ignored;
    }

    /// <summary>Does one thing that is due: carries out the oldest pending effect, or takes a deadline that has passed. Not for two callers at once.</summary>
    /// <returns>False when nothing is due.</returns>
    public async Task<bool> TurnAsync(CancellationToken cancellation)
    {
        if (Document.Pending is [{ } pending, ..])
        {
            await CarryOutAsync(pending.Id, cancellation);
            return true;
        }

        return await TakeDeadlineAsync(cancellation);
    }

    /// <summary>Takes a deadline that has passed, and says what is next.</summary>
    public async Task<Outlook> LookAsync(CancellationToken cancellation)
    {
        await TakeDeadlineAsync(cancellation);
        TDocument document = Document;
        return new Outlook
        {
            Due = [.. Next(document.Pending).Select(pending => new DueEffect(pending.Id, PartsOf(document, pending)))],
            Deadline = document.Deadline,
            Chapter = document.Chapter,
            IsOver = document.IsFinal && document.Pending.IsEmpty,
        };
    }

    /// <summary>Carries out an effect, if it is still pending.</summary>
    /// <param name="effect">Its number.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task CarryOutAsync(long effect, CancellationToken cancellation)
    {
        if (Find(effect) is { } pending)
        {
            _causes.TryGetValue(effect, out ActivityContext cause);
            using Activity? span = CoordinatorTraces.CarryOut(NameOf(pending), cause, IsBeginning(pending.Effect));
            try
            {
                Describe(Document, span);
                TEvent? result = await PerformAsync(Document, pending, cancellation);
                await ReplaceAsync(document => document.Complete(effect, result), cancellation);
            }
            catch (Exception error) when (span.Fails(error))
            {
                throw;
            }

            _causes.TryRemove(effect, out _);
        }
    }

    /// <summary>Computes a part of an effect beforehand, if it is still pending.</summary>
    /// <param name="effect">Its number.</param>
    /// <param name="part">The part, from 0.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task CarryOutPartAsync(long effect, int part, CancellationToken cancellation)
    {
        if (Find(effect) is { } pending)
        {
            using Activity? span = CoordinatorTraces.CarryOut($"{NameOf(pending)}.Part", cause: default, isBeginning: false);
            try
            {
                Describe(Document, span);
                await PerformPartAsync(Document, pending, part, cancellation);
            }
            catch (Exception error) when (span.Fails(error))
            {
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _loop.DisposeAsync();
        _document.Dispose();
    }

    /// <summary>Carries out an effect.</summary>
    /// <returns>The event that reports its result; null for effects that have none.</returns>
    protected abstract Task<TEvent?> PerformAsync(TDocument document, Pending<TEffect> pending, CancellationToken cancellation);

    /// <summary>How many parts of an effect can be computed beforehand.</summary>
    protected virtual int PartsOf(TDocument document, Pending<TEffect> pending) => 0;

    /// <summary>Computes a part of an effect beforehand.</summary>
    protected virtual Task PerformPartAsync(TDocument document, Pending<TEffect> pending, int part, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>Whether an effect may be carried out beside others of which the same is said.</summary>
    protected virtual bool IsIndependent(TEffect effect) => false;

    /// <summary>Whether a story of its own begins with an effect, which its trace shows.</summary>
    protected virtual bool IsBeginning(TEffect effect) => false;

    /// <summary>Says in a span what it is about.</summary>
    protected virtual void Describe(TDocument document, Activity? span)
    {
    }

    /// <summary>Hears of a change that this process has made durable.</summary>
    protected virtual void Changed(TDocument before, TDocument after)
    {
    }

    private static string NameOf(Pending<TEffect> pending) => pending.Effect?.GetType().Name ?? string.Empty;

    private async Task<bool> ReplaceAsync(Func<TDocument, TDocument> change, CancellationToken cancellation)
    {
        TDocument? before = null;
        TDocument? after = null;
        bool isAnother = await _document.ReplaceAsync(document => after = change(before = document), cancellation);
        if (before is not null && after is not null && !ReferenceEquals(before, after))
        {
            if (TraceContext.Current is var cause && cause != default)
            {
                foreach (Pending<TEffect> next in after.Pending.Where(pending => pending.Id >= before.NextEffect))
                {
                    _causes[next.Id] = cause;
                }
            }

            Changed(before, after);
        }

        return isAnother;
    }

    private ImmutableArray<Pending<TEffect>> Next(ImmutableArray<Pending<TEffect>> pending)
    {
        int together = 0;
        while (together < Math.Min(pending.Length, MostDue) && IsIndependent(pending[together].Effect))
        {
            together++;
        }

        return pending[..Math.Min(pending.Length, Math.Max(together, 1))];
    }

    private Pending<TEffect>? Find(long effect) => Document.Pending.FirstOrDefault(pending => pending.Id == effect);

    private async Task<bool> TakeDeadlineAsync(CancellationToken cancellation)
    {
        if (!Document.Pending.IsEmpty || Document.Deadline is not { } deadline || _time.GetUtcNow() is var now && now < deadline)
        {
            return false;
        }

        await ApplyAsync(id: null, Document.DeadlineReached(now), cancellation);
        return true;
    }
}
