// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.ExceptionServices;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>What orchestrator code did that it may not, seen on any thread and perhaps after its episode; the first one fails the test.</summary>
internal sealed class Violations
{
    private Exception? _first;
    private bool _isTold;

    public bool Any => Volatile.Read(ref _first) is not null;

    public void Report(Exception violation) => Interlocked.CompareExchange(ref _first, violation, null);

    public void Throw()
    {
        if (Volatile.Read(ref _first) is { } first)
        {
            _isTold = true;
            ExceptionDispatchInfo.Throw(first);
        }
    }

    /// <summary>Throws what nobody was told yet.</summary>
    public void ThrowUntold()
    {
        if (!_isTold)
        {
            Throw();
        }
    }
}
