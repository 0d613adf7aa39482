// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Rounds;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The log's key is rotated, lost and stolen while a federation works; at the end an outsider verifies the log.</summary>
#pragma warning disable CA1001 // xunit disposes it by IAsyncLifetime
public sealed class LogKeyTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    private WholeFederation _federation = null!;
    private string _vault = string.Empty;

    public async Task InitializeAsync()
    {
        (FileKeyVault vault, _vault) = await SharedKeys.OwnAsync();
        _federation = new WholeFederation(11, Calm, silos: 3, WholeScheduleTests.Config(rounds: 3, quorum: 3, "ffa_lora"), vault);
    }

    public async Task DisposeAsync() => await _federation.DisposeAsync();

    [Fact]
    public async Task Rotation_DuringARun_BothKeysSignForSevenDaysThenTheNewOne()
    {
        Sha256Digest next = default;
        await DuringTheRunAsync(async () =>
        {
            next = await _federation.ChangeLogKeyAsync(isLost: false);
            Assert.Equal(ErrorCodes.LogKeyPending, (await Assert.ThrowsAsync<FedCloudException>(() => _federation.ChangeLogKeyAsync(isLost: false))).Code);
            await _federation.ConfirmLogKeyAsync(next);
        });

        Assert.Equal(["retiring", "in_use"], await LogKeysAsync());
        Assert.Equal(2, (await NewestAsync()).Signatures.Length);
        FedCloudException overlapping = await Assert.ThrowsAsync<FedCloudException>(() => _federation.ChangeLogKeyAsync(isLost: false));
        Assert.Equal(ErrorCodes.LogKeyPending, overlapping.Code);

        _federation.Advance(LogKeyChange.Overlap);
        await _federation.SettleAsync();

        Assert.Equal(["disabled", "in_use"], await LogKeysAsync());
        Assert.Single((await NewestAsync()).Signatures);
        Assert.Equal([EntryTypes.KeyRotated, EntryTypes.KeyRetired], await KeyEntriesAsync());
        await RequireAsync(rosterVersion: 2);
    }

    [Fact]
    public async Task Rotation_NotConfirmed_WaitsForTheAdministrators()
    {
        await DuringTheRunAsync(async () => await _federation.ChangeLogKeyAsync(isLost: false));

        Assert.Equal(1, (await _federation.MembershipAsync()).Roster?.Version);
        Assert.Equal(["in_use", "proposed"], await LogKeysAsync());
        Assert.Contains("roster_not_confirmed", _federation.Story, StringComparison.Ordinal);

        // Their agents have kept the proposal: with the next policy they sign it.
        await _federation.ConfirmLogKeyAsync((await _federation.KeysAsync()).Keys.Last(key => string.Equals(key.Key, "log", StringComparison.Ordinal)).SpkiSha256);
        await _federation.SettleAsync();

        Assert.Equal(["retiring", "in_use"], await LogKeysAsync());
        await RequireAsync(rosterVersion: 2);
    }

    [Fact]
    public async Task Loss_DuringARun_TheMembersGiveTheLogAnotherKeyAndTheRunGoesOn()
    {
        await DuringTheRunAsync(async () =>
        {
            Lose();
            await _federation.ConfirmLogKeyAsync(await _federation.ChangeLogKeyAsync(isLost: true));
        });

        Assert.Equal(["in_use"], await LogKeysAsync());
        Assert.Equal([EntryTypes.KeyReplaced], await KeyEntriesAsync());
        await RequireAsync(rosterVersion: 2);
    }

    [Fact]
    public async Task Loss_WithABatchBegun_TheNextKeySignsItToo()
    {
        await _federation.RunAsync();
        await _federation.StopAsync();
        long size = (await StateAsync()).Size;
        await BeginBatchAsync();
        Lose();

        await _federation.ConfirmLogKeyAsync(await _federation.ChangeLogKeyAsync(isLost: true));
        Assert.True(await _federation.SettleAsync());

        LogState state = await StateAsync();
        Assert.True(state.Size > size + 1);
        Assert.Equal([EntryTypes.Export], (await _federation.EntriesAsync()).Skip((int)size).Take(1).Select(entry => entry.Type));
        Assert.DoesNotContain(size + 1, await new LogStore(_federation.Store).SizesAsync(CancellationToken.None));
        await RequireAsync(rosterVersion: 2);
    }

    [Fact]
    public async Task Theft_OfTheKeyInUse_TheOldKeyIsDisabledAtOnce()
    {
        await DuringTheRunAsync(async () => await _federation.ConfirmLogKeyAsync(await _federation.ChangeLogKeyAsync(isLost: true)));

        Assert.Equal(["disabled", "in_use"], await LogKeysAsync());
        Assert.Equal([EntryTypes.KeyReplaced], await KeyEntriesAsync());
        await RequireAsync(rosterVersion: 2);
    }

    [Fact]
    public async Task Theft_AWitnessSignedAnotherHistory_StopsTheReplacement()
    {
        await _federation.RunAsync();
        long size = (await StateAsync()).Size;
        SignedNote note = SignedNote.Parse((await _federation.Store.ReadAsync(new BlobName("log", LogPaths.Archive(size)), int.MaxValue, CancellationToken.None))!.Value.Bytes);
        Checkpoint other = Checkpoint.Parse(note.Text) with { Root = MerkleTree.HashLeaf([1]) };
        BlobName line = new("log", LogPaths.Cosigned(size, new("silo-9")));
        await _federation.Store.PutIfAbsentAsync(line, BlobContent.Of(new SignedNote(other.ToText(), note.Signatures).ToBytes()), CancellationToken.None);

        await _federation.ConfirmLogKeyAsync(await _federation.ChangeLogKeyAsync(isLost: true));
        await _federation.SettleAsync(steps: 50);

        Assert.Contains(ErrorCodes.LogFork.Name, _federation.Story, StringComparison.Ordinal);
        Assert.DoesNotContain(EntryTypes.KeyReplaced, await KeyEntriesAsync());
    }

    // In the middle of the run, with rounds before and after.
    private Task DuringTheRunAsync(Func<Task> what) => _federation.RunWhenAsync(run => run is { CommittedRounds: 1 }, what);

    private void Lose()
    {
        foreach (string file in Directory.GetFiles(Path.Combine(_vault, CoordinatorService.LogKey)))
        {
            File.Delete(file);
        }
    }

    // A writer that dies after the record of its batch.
    private async Task BeginBatchAsync()
    {
        using AuditDesk desk = new(_federation.Store, new BlobMailbox(_federation.Store, StorageNames.MailAudit, _federation.Time), _federation.Vault, _federation.Config.Federation, _federation.Time, () => { });
        await desk.StartAsync(StateAsync, CancellationToken.None);
        await desk.TakeAsync(source: null, 0, [FederationEntries.Exported(Sha256Digest.Of([1]), "auditor")], CancellationToken.None);
        long size = (await StateAsync()).Size;
        for (int requests = 1; !await ExistsAsync(new BlobName("log-head", LogPaths.Batch(size))); requests++)
        {
            int left = requests;
            UnreliableStore store = new(_federation.Store, () => --left == 0 ? RequestFault.CrashAfter : RequestFault.None);
            LogWriter writer = new(store, new BlobMailbox(store, StorageNames.MailAudit, _federation.Time), _federation.Vault, _federation.Time, _federation.LogOrigin, _federation);
            writer.Trust(_federation.CoordinatorKey);
            await Assert.ThrowsAsync<SimulatedCrashException>(() => writer.TurnAsync(CancellationToken.None));
            _federation.Advance(TimeSpan.FromSeconds(60));
        }

        Assert.Equal(size, (await StateAsync()).Size);
    }

    private async Task<bool> ExistsAsync(BlobName name) => await _federation.Store.ReadAsync(name, int.MaxValue, CancellationToken.None) is not null;

    private Task<IEnumerable<string>> LogKeysAsync() => _federation.StatusesAsync("log");

    private async Task<SignedNote> NewestAsync()
    {
        LogStore log = new(_federation.Store);
        return await log.ArchivedAsync(await log.LargestSizeAsync(CancellationToken.None), CancellationToken.None);
    }

    private async Task<LogState> StateAsync()
    {
        LogStore log = new(_federation.Store);
        return await log.ReadStateAsync(_federation.LogOrigin, await log.LargestSizeAsync(CancellationToken.None), CancellationToken.None);
    }

    private async Task<IEnumerable<string>> KeyEntriesAsync() =>
        (await _federation.EntriesAsync()).Select(entry => entry.Type).Where(type => type is EntryTypes.KeyRotated or EntryTypes.KeyReplaced or EntryTypes.KeyRetired);

    private async Task RequireAsync(int rosterVersion)
    {
        await new WholeInvariants(_federation).RequireAsync();
        Assert.Equal(rosterVersion, (await _federation.MembershipAsync()).Roster?.Version);
    }
}
