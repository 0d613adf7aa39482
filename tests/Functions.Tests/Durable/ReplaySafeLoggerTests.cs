// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.Extensions.Logging;
using Xunit;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Logs of orchestrators.</summary>
public sealed class ReplaySafeLoggerTests
{
    [Fact]
    public async Task Logger_Replays_WritesOnce()
    {
        using CountingLoggers loggers = new();
        using DurableTestHost host = ReplayTests.Host(
            async context =>
            {
                ILogger log = context.CreateReplaySafeLogger("test");
#pragma warning disable CA1848, CA2254 // counted, not read
                log.LogInformation("before");
                int sum = await ReplayTests.Sum(context);
                log.LogInformation("after");
#pragma warning restore CA1848, CA2254
                return sum;
            },
            new DurableTestOptions { Loggers = loggers });

        await ReplayTests.RunAsync(host);

        Assert.True(host.Episodes > 2);
        Assert.Equal(2, loggers.Lines);
    }

    private sealed class CountingLoggers : ILoggerFactory, ILogger
    {
        public int Lines { get; private set; }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Lines++;

        public void Dispose()
        {
        }
    }
}
