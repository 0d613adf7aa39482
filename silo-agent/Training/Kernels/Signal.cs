// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;

namespace FedCloud.Training.Kernels;

/// <summary>Lets one thread wait for another. The products of a step follow each other within microseconds, so it looks for a while before it sleeps.</summary>
/// <remarks>Every <see cref="Set"/> is followed by one <see cref="Wait"/>, or taken back, before the next.</remarks>
#pragma warning disable CA1001 // lives as long as the process
internal sealed class Signal
#pragma warning restore CA1001
{
    private const int Clear = 0;
    private const int Given = 1;
    private const int Sleeping = 2;

    // Waking a thread that sleeps costs about as much.
    private static readonly long Patience = Stopwatch.Frequency / 5_000;

    private readonly SemaphoreSlim _sleep = new(0);
    private int _state;

    /// <summary>Lets the other thread go on.</summary>
    public void Set()
    {
        if (Interlocked.Exchange(ref _state, Given) == Sleeping)
        {
            _sleep.Release();
        }
    }

    /// <summary>Waits for <see cref="Set"/>.</summary>
    public void Wait()
    {
        long until = Stopwatch.GetTimestamp() + Patience;
        while (Volatile.Read(ref _state) != Given || !Revoke())
        {
            if (Stopwatch.GetTimestamp() < until)
            {
                Thread.SpinWait(10);
            }
            else if (Interlocked.CompareExchange(ref _state, Sleeping, Clear) == Clear)
            {
                _sleep.Wait();
            }
        }
    }

    /// <summary>Takes back what <see cref="Set"/> gave.</summary>
    /// <returns>Whether the other thread had not seen it.</returns>
    public bool Revoke() => Interlocked.CompareExchange(ref _state, Clear, Given) == Given;
}
