// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The log's writer on the storage of a federation that has run: killed after each of its requests, beside a second one, without its lease.</summary>
#pragma warning disable CA1001 // xunit disposes it by IAsyncLifetime
public sealed class LogWriterTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);
    private static readonly TimeSpan LeaseEnds = TimeSpan.FromSeconds(60);

    private readonly WholeFederation _federation = new(7, Calm, silos: 2, WholeScheduleTests.Config(rounds: 1, quorum: 2, "ffa_lora"));

    public async Task InitializeAsync()
    {
        await _federation.RunAsync();
        await _federation.StopAsync();
    }

    public async Task DisposeAsync() => await _federation.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Turn_KilledAtEachRequest_LeavesNoGapAndNoSecondHistory(bool carriedOut)
    {
        Dictionary<string, byte[]> before = await FilesAsync();
        int kills = 0;
        for (int request = 1; ; request++)
        {
            int left = request;
            UnreliableStore store = new(_federation.Store, () => --left == 0 ? carriedOut ? RequestFault.CrashAfter : RequestFault.CrashBefore : RequestFault.None);
            bool killed = await IsKilledAsync(store, request);
            kills += killed ? 1 : 0;
            _federation.Advance(LeaseEnds);
            await CatchUpAsync();
            if (!killed)
            {
                break;
            }
        }

        // One entry for each try, each once, whatever was killed; and nothing that was written before has changed.
        Assert.True(kills > 10, $"{kills} kills");
        LogState state = await StateAsync();
        Assert.Equal(kills + 1, await CountAsync(EntryTypes.Export, state.Size));
        Dictionary<string, byte[]> after = await FilesAsync();
        Assert.All(before, file => Assert.Equal(file.Value, after[file.Key]));
    }

    [Fact]
    public async Task Turn_BesideAnotherWriter_WritesNothing()
    {
        LogWriter first = Writer(_federation.Store);
        LogWriter second = Writer(_federation.Store);
        await OfferAsync(_federation.Store, 1);

        Assert.True(await first.TurnAsync(CancellationToken.None));
        await OfferAsync(_federation.Store, 2);
        Assert.False(await second.TurnAsync(CancellationToken.None));
        Assert.True(await first.TurnAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Turn_LeaseLost_WritesAndSignsNothing()
    {
        LogWriter first = Writer(_federation.Store);
        await OfferAsync(_federation.Store, 1);
        await first.TurnAsync(CancellationToken.None);
        _federation.Advance(LeaseEnds);
        LogWriter second = Writer(_federation.Store);
        await second.TurnAsync(CancellationToken.None);
        long size = (await StateAsync()).Size;
        await OfferAsync(_federation.Store, 2);

        FedCloudException lost = await Assert.ThrowsAsync<FedCloudException>(() => first.TurnAsync(CancellationToken.None));

        Assert.Equal(ErrorCodes.LogLeaseLost, lost.Code);
        Assert.Equal(size, (await StateAsync()).Size);
        Assert.False(await first.TurnAsync(CancellationToken.None));
    }

    [Theory]
    [InlineData("log", "tile/entries/000.p/")]
    [InlineData("log", "checkpoint-archive/")]
    public async Task Turn_LogChangedMeanwhile_StopsTheLog(string container, string prefix)
    {
        BlobName name = new(container, await LastAsync(container, prefix));
        (byte[] bytes, string etag) = await _federation.Store.ReadAsync(name, int.MaxValue, CancellationToken.None) ?? throw new InvalidOperationException("no such file");
        bytes[bytes.Length / 2] ^= 1;
        await _federation.Store.ReplaceIfMatchAsync(name, BlobContent.Of(bytes), etag, CancellationToken.None);
        await OfferAsync(_federation.Store, 1);

        FedCloudException refused = await Assert.ThrowsAsync<FedCloudException>(() => Writer(_federation.Store).TurnAsync(CancellationToken.None));

        Assert.False(ErrorCodes.IsOperational(refused.Code), refused.Code.Name);
    }

    private async Task<bool> IsKilledAsync(UnreliableStore store, int number)
    {
        try
        {
            await OfferAsync(_federation.Store, number);
            LogWriter writer = Writer(store);
            while (await writer.TurnAsync(CancellationToken.None))
            {
            }

            return false;
        }
        catch (SimulatedCrashException)
        {
            return true;
        }
    }

    [Fact]
    public async Task IsWitnessed_WhileAnotherProcessWrites_IsReadFromTheLog()
    {
        LogWriter writer = Writer(_federation.Store);

        Assert.Single((await StateAsync()).Rosters);
        Assert.True(await writer.IsWitnessedAsync(1, CancellationToken.None));
        Assert.False(await writer.IsWitnessedAsync(2, CancellationToken.None));
    }

    private async Task CatchUpAsync()
    {
        LogWriter writer = Writer(_federation.Store);
        while (await writer.TurnAsync(CancellationToken.None))
        {
        }

        await writer.ReleaseAsync(CancellationToken.None);
    }

    private LogWriter Writer(IBlobStore store)
    {
        LogWriter writer = new(store, new BlobMailbox(store, StorageNames.MailAudit, _federation.Time), SharedKeys.Vault, _federation.Time, _federation.LogOrigin, _federation);
        writer.Trust(_federation.CoordinatorKey);
        return writer;
    }

    private async Task OfferAsync(IBlobStore store, int number)
    {
        using AuditDesk desk = new(store, new BlobMailbox(store, StorageNames.MailAudit, _federation.Time), SharedKeys.Vault, _federation.Config.Federation, _federation.Time, () => { });
        await desk.StartAsync(StateAsync, CancellationToken.None);
        await desk.TakeAsync(source: null, 0, [FederationEntries.Exported(Sha256Digest.Of([(byte)number]), "auditor")], CancellationToken.None);
    }

    private async Task<LogState> StateAsync()
    {
        LogStore log = new(_federation.Store);
        return await log.ReadStateAsync(_federation.LogOrigin, await log.LargestSizeAsync(CancellationToken.None), CancellationToken.None);
    }

    private async Task<int> CountAsync(string type, long size)
    {
        int count = 0;
        foreach (BundleCoordinate bundle in TileLayout.Bundles(size))
        {
            (byte[] bytes, _) = await _federation.Store.ReadAsync(new BlobName("log", bundle.Path), int.MaxValue, CancellationToken.None) ?? throw new InvalidOperationException($"{bundle.Path} is missing");
            count += EntryBundle.Read(bytes, bundle.Width).Count(entry => string.Equals(LogEntry.Parse(entry).Type, type, StringComparison.Ordinal));
        }

        return count;
    }

    private async Task<string> LastAsync(string container, string prefix)
    {
        string last = string.Empty;
        await foreach (BlobItem item in _federation.Store.ListAsync(container, prefix, CancellationToken.None))
        {
            bool isLonger = item.Path.Length > last.Length || (item.Path.Length == last.Length && string.CompareOrdinal(item.Path, last) > 0);
            last = isLonger ? item.Path : last;
        }

        return last;
    }

    private async Task<Dictionary<string, byte[]>> FilesAsync()
    {
        Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
        await foreach (BlobItem item in _federation.Store.ListAsync("log", string.Empty, CancellationToken.None))
        {
            files[item.Path] = (await _federation.Store.ReadAsync(new BlobName("log", item.Path), int.MaxValue, CancellationToken.None))!.Value.Bytes;
        }

        return files;
    }
}
