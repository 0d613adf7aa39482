// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Audit;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Simulation.Tests.Whole;

/// <content>Keys change while the federation works, and afterwards somebody looks.</content>
internal sealed partial class WholeFederation
{
    /// <summary>Runs to its end; once, between two steps, as soon as the run is so, somebody does something.</summary>
    public Task RunWhenAsync(Func<RunState, bool> holds, Func<Task> what) => RunWhenAsync(run => Task.FromResult(holds(run)), what);

    /// <inheritdoc cref="RunWhenAsync(Func{RunState, bool}, Func{Task})"/>
    public async Task RunWhenAsync(Func<RunState, Task<bool>> holds, Func<Task> what)
    {
        bool done = false;
        Meanwhile = async () =>
        {
            if (!done && Run is { Phase: RunPhase.Running } run && await holds(run))
            {
                done = true;
                await what();
            }
        };
        await RunAsync();
        Require(done, "the run never came to that");
        Require(await SettleAsync(), "the federation does not settle");
        Require((await ReadAsync()).State.Phase == RunPhase.Completed, Story);
    }

    /// <summary>What a key's versions are for, oldest first.</summary>
    /// <param name="key"><c>log</c> or <c>wrapping</c>.</param>
    public async Task<IEnumerable<string>> StatusesAsync(string key) =>
        (await KeysAsync()).Keys.Where(version => string.Equals(version.Key, key, StringComparison.Ordinal)).Select(version => version.Status);

    /// <summary>All entries of the log.</summary>
    public async Task<List<LogEntry>> EntriesAsync()
    {
        List<LogEntry> entries = [];
        foreach (BundleCoordinate bundle in TileLayout.Bundles(await new LogStore(Store).LargestSizeAsync(CancellationToken.None)))
        {
            (byte[] bytes, _) = await Store.ReadAsync(new BlobName("log", bundle.Path), int.MaxValue, CancellationToken.None) ?? throw new InvalidOperationException($"{bundle.Path} is missing");
            entries.AddRange(EntryBundle.Read(bytes, bundle.Width).Select(entry => LogEntry.Parse(entry)));
        }

        return entries;
    }
}
