// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Identity;

namespace FedCloud.LocalHost;

/// <summary>Long-poll bells of the silos: a hint that a mailbox may hold something, so that nobody polls hot.</summary>
/// <param name="secret">The secret that silos' tokens are derived from.</param>
public sealed class Doorbell(string secret)
{
    private readonly ConcurrentDictionary<SiloId, Bell> _bells = [];

    /// <summary>A silo's token: HMAC-SHA256 (RFC 2104) over a label and the silo's id. It opens the bell and nothing else.</summary>
    public string TokenOf(SiloId silo) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes("fedcloud/doorbell/v1/\0" + silo.Value)));

    /// <summary>Rings.</summary>
    public void Ring(SiloId silo) => _bells.GetOrAdd(silo, _ => new Bell()).Ring();

    /// <summary>Waits for a ring after the given one.</summary>
    /// <returns>The number of the newest ring.</returns>
    public Task<long> WaitAsync(SiloId silo, long after, TimeSpan most, CancellationToken cancellation) =>
        _bells.GetOrAdd(silo, _ => new Bell()).WaitAsync(after, most, cancellation);

    private sealed class Bell
    {
        private readonly Lock _gate = new();
        private TaskCompletionSource _next = New();
        private long _count;

        public void Ring()
        {
            lock (_gate)
            {
                _count++;
                _next.TrySetResult();
                _next = New();
            }
        }

        public async Task<long> WaitAsync(long after, TimeSpan most, CancellationToken cancellation)
        {
            Task next;
            lock (_gate)
            {
                // A count below 'after' means that the host was restarted: answer at once, so that the silo looks.
                if (_count != after)
                {
                    return _count;
                }

                next = _next.Task;
            }

            try
            {
                await next.WaitAsync(most, cancellation);
            }
            catch (TimeoutException)
            {
                return after;
            }

            return Interlocked.Read(ref _count);
        }

        private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
