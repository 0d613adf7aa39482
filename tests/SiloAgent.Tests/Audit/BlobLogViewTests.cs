// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.SiloAgent.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Audit;

public sealed class BlobLogViewTests : IDisposable
{
    private static readonly RoundOpening Start = AuditedSilo.Start(1);

    private readonly AuditedSilo _silo = new();

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task Seek_RoundWithTLines_IsWitnessed()
    {
        BlobLogView view = await LoggedAsync();
        Assert.IsType<RoundSighting.Unwitnessed>(await SeekAsync(view));

        await CosignAsync(0, 1);
        Assert.IsType<RoundSighting.Unwitnessed>(await SeekAsync(view));
        await CosignAsync(2);

        Assert.Equal(2, Assert.IsType<RoundSighting.Witnessed>(await SeekAsync(view)).Size);
    }

    [Fact]
    public async Task Seek_RoundThatIsNotInTheLog_IsUnwitnessed()
    {
        BlobLogView view = await LoggedAsync();
        await CosignAsync(0, 1, 2);

        Assert.IsType<RoundSighting.Unwitnessed>(await SeekAsync(view, AuditedSilo.Start(2)));
    }

    [Fact]
    public async Task Seek_EntryWithOtherValues_IsMisrecorded()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        LogEntry entry = _silo.StartEntry(Start);
        await _silo.WriteAsync(_silo.Federation.Resign(entry with { Fields = entry.Fields.SetItem("deadline", EntryField.Of(Start.Deadline + 1)) }, _silo.Federation.CoordinatorKey));
        BlobLogView view = _silo.View();
        await FollowAsync(view);

        RoundSighting seen = await SeekAsync(view);

        Assert.Equal(_silo.Log.Entries().Last().Identity, Assert.IsType<RoundSighting.Misrecorded>(seen).Entry);
    }

    [Fact]
    public async Task Seek_LinesOfOthersOrUnderAnotherText_DoNotCount()
    {
        BlobLogView view = await LoggedAsync();
        await CosignAsync(0, 1);
        string third = LogPaths.Cosigned(2, _silo.Federation.Members[2].Silo);
        await _silo.PutAsync("log", third, _silo.Log.Log[LogPaths.Cosigned(2, _silo.Federation.Members[1].Silo)]);
        Assert.IsType<RoundSighting.Unwitnessed>(await SeekAsync(view));

        await _silo.PutAsync("log", third, "junk"u8.ToArray());
        Assert.IsType<RoundSighting.Unwitnessed>(await SeekAsync(_silo.View()));
    }

    [Fact]
    public async Task Seek_LinesUnderALaterCheckpoint_Cover()
    {
        BlobLogView view = await LoggedAsync();
        await _silo.GrowAsync(3);
        await CosignAsync(0, 1, 2);
        Assert.IsType<RoundSighting.Unwitnessed>(await SeekAsync(view));

        await FollowAsync(view);

        Assert.Equal(5, Assert.IsType<RoundSighting.Witnessed>(await SeekAsync(view)).Size);
    }

    [Fact]
    public async Task Seek_StartOfTheAgentNotCovered_IsUnwitnessed()
    {
        BlobLogView view = await LoggedAsync();
        await CosignAsync(0, 1, 2);

        Assert.IsType<RoundSighting.Unwitnessed>(await view.SeekAsync(AuditedSilo.Rid(Start), Start, null, _silo.Rosters, CancellationToken.None));
        Assert.IsType<RoundSighting.Unwitnessed>(await view.SeekAsync(AuditedSilo.Rid(Start), Start, 2, _silo.Rosters, CancellationToken.None));
        await _silo.GrowAsync(1);
        await CosignAsync(0, 1, 2);
        await FollowAsync(view);

        Assert.Equal(3, Assert.IsType<RoundSighting.Witnessed>(await view.SeekAsync(AuditedSilo.Rid(Start), Start, 2, _silo.Rosters, CancellationToken.None)).Size);
    }

    [Fact]
    public async Task Seek_LinesUnderAnEarlierCheckpoint_StillCover()
    {
        BlobLogView view = await LoggedAsync();
        await CosignAsync(0, 1, 2);
        await _silo.GrowAsync(3);
        await FollowAsync(view);

        Assert.Equal(2, Assert.IsType<RoundSighting.Witnessed>(await SeekAsync(view)).Size);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Seek_AfterARestart_FindsTheRound(bool indexLost)
    {
        BlobLogView before = await LoggedAsync();
        await _silo.GrowAsync(300);
        await FollowAsync(before);
        await CosignAsync(0, 1, 2);
        if (indexLost)
        {
            File.Delete(_silo.Home.LogIndexPath);
        }
        else
        {
            // What was read once is not read again.
            await _silo.DeleteAsync("log", new BundleCoordinate(0, HashTile.FullWidth).Path);
        }

        BlobLogView view = _silo.View();
        await FollowAsync(view);

        Assert.IsType<RoundSighting.Witnessed>(await SeekAsync(view));
    }

    [Fact]
    public async Task Seek_AfterARosterChange_AsksForTheLinesOfBothVersions()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        AuditFederation.Member joined = new(new("silo-4"));
        _silo.Rosters = [.. _silo.Rosters, _silo.Federation.NextRoster(members => members.Add(joined))];
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        await _silo.WriteAsync(_silo.StartEntry(Start));
        BlobLogView view = _silo.View();
        await FollowAsync(view);

        await CosignAsync(0, 3);
        Assert.IsType<RoundSighting.Unwitnessed>(await SeekAsync(view));
        await CosignAsync(1);

        Assert.Equal(3, Assert.IsType<RoundSighting.Witnessed>(await SeekAsync(view)).Size);
        Assert.IsType<RoundSighting.Unwitnessed>(await view.SeekAsync(AuditedSilo.Rid(Start), Start, 0, _silo.Rosters[..1], CancellationToken.None));
    }

    [Fact]
    public async Task Follow_BundleThatDoesNotGiveTheRoot_IsNotTaken()
    {
        BlobLogView view = await LoggedAsync();
        await _silo.GrowAsync(2);
        string bundle = new BundleCoordinate(0, 4).Path;
        _silo.Store.Tamper("log", bundle, bytes =>
        {
            byte[] other = EntryBundle.Write([.. EntryBundle.Read(bytes)[..3], EntryBundle.Read(bytes)[0]]);
            return other;
        });

        Assert.Equal(ErrorCodes.RootMismatch, (await Assert.ThrowsAsync<FedCloudException>(() => FollowAsync(view))).Code);
        await _silo.PublishAsync();

        Assert.Equal(4, Assert.IsType<LogLook.Accepted>(await FollowAsync(view)).Size);
    }

    [Fact]
    public async Task Follow_IndexOfAnotherHistory_IsReadAnew()
    {
        await LoggedAsync();
        LogIndex index = LogIndex.Parse(File.ReadAllBytes(_silo.Home.LogIndexPath));
        byte[] changed = (index with { Peaks = [MerkleTree.EmptyRoot.ToBase64()], Starts = [] }).ToJson();
        await File.WriteAllBytesAsync(_silo.Home.LogIndexPath, changed);
        await _silo.GrowAsync(1);
        await CosignAsync(0, 1, 2);

        BlobLogView view = _silo.View();
        await FollowAsync(view);

        Assert.IsType<RoundSighting.Witnessed>(await SeekAsync(view));
        Assert.Equal(LogIndex.Empty, LogIndex.Parse("{}"u8));
    }

    [Fact]
    public async Task Index_FinishedRound_IsForgotten()
    {
        await LoggedAsync();
        await _silo.WriteAsync(_silo.Federation.Coordinator(EntryTypes.RoundFailed, [("rid", AuditedSilo.Rid(Start))], [("reason", EntryField.Of("quorum_not_met"))], Start.Job, Start.Round));

        await FollowAsync(_silo.View());

        Assert.Empty(LogIndex.Parse(File.ReadAllBytes(_silo.Home.LogIndexPath)).Starts);
    }

    // The log holds roster and round, and the view has followed it.
    private async Task<BlobLogView> LoggedAsync()
    {
        await _silo.WriteAsync(_silo.Federation.RosterEntry());
        await _silo.WriteAsync(_silo.StartEntry(Start));
        BlobLogView view = _silo.View();
        await FollowAsync(view);
        return view;
    }

    private async Task CosignAsync(params int[] members)
    {
        _silo.Log.Cosign(members.Select(member => _silo.Federation.Members[member]));
        await _silo.PublishAsync();
    }

    private Task<LogLook> FollowAsync(BlobLogView view) => view.FollowAsync(_silo.Rosters, CancellationToken.None);

    private Task<RoundSighting> SeekAsync(BlobLogView view, RoundOpening? start = null) =>
        view.SeekAsync(AuditedSilo.Rid(start ?? Start), start ?? Start, 0, _silo.Rosters, CancellationToken.None);
}
