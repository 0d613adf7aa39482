// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Journals;
using FedCloud.SiloAgent.Tests.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Journals;

public sealed class SiloJournalTests
{
    private static readonly RunId Job = new("run-1");

    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "journal.jsonl");

    [Fact]
    public void Open_AfterACrash_HasTheSamePendingEffects()
    {
        ImmutableArray<PendingSiloEffect> before;
        Sha256Digest head;
        using (SiloJournal journal = SiloJournal.Open(_path))
        {
            journal.Append(Offer("run-1"));
            journal.Append(Offer("run-2"));
            journal.Complete(journal.Pending[0].Id, null);
            (before, head) = (journal.Pending, journal.Head);
        }

        using SiloJournal again = SiloJournal.Open(_path);

        Assert.Equal([2, 3, 4], before.Select(pending => pending.Id));
        Assert.Equal<PendingSiloEffect>(before, again.Pending);
        Assert.Equal(head, again.Head);
    }

    [Fact]
    public void Open_AfterACrashWhileHeld_StillWaitsForTheLog()
    {
        using (SiloJournal journal = SiloJournal.Open(_path))
        {
            Hold(journal);
            Assert.Equal(SiloRoundPhase.Held, journal.State.Runs[Job].Round!.Phase);
        }

        using (SiloJournal again = SiloJournal.Open(_path))
        {
            PendingSiloEffect held = Assert.Single(again.Pending, pending => pending.Effect is AwaitWitnesses);
            again.Complete(held.Id, new RoundWitnessed(DateTimeOffset.UnixEpoch, Job, ((AwaitWitnesses)held.Effect).Rid, 7));
            Assert.Single(again.Pending, pending => pending.Effect is UploadUpdate);
        }

        using SiloJournal uploading = SiloJournal.Open(_path);
        Assert.Equal(SiloRoundPhase.Uploading, uploading.State.Runs[Job].Round!.Phase);
    }

    [Fact]
    public void Open_AfterTheLogWasRefused_StillRefusesUntilItIsResumed()
    {
        using (SiloJournal journal = SiloJournal.Open(_path))
        {
            Hold(journal);
            journal.Append(new LogRefused(DateTimeOffset.UnixEpoch, "log_fork", [Sha256Digest.Zero]));
        }

        using (SiloJournal again = SiloJournal.Open(_path))
        {
            Assert.Equal("log_fork", again.State.LogRefusal);
            Assert.Equal(SiloRoundPhase.Declined, again.State.Runs[Job].Round!.Phase);
            again.Append(new LogResumed(DateTimeOffset.UnixEpoch));
        }

        using SiloJournal resumed = SiloJournal.Open(_path);
        Assert.Null(resumed.State.LogRefusal);
    }

    [Fact]
    public void Open_TornLastLine_IsCut()
    {
        using (SiloJournal journal = SiloJournal.Open(_path))
        {
            journal.Append(Offer("run-1"));
        }

        File.AppendAllText(_path, "{\"seq\":2,\"prev\":\"");
        using (SiloJournal torn = SiloJournal.Open(_path))
        {
            Assert.Equal(2, torn.Pending.Length);
            torn.Append(Offer("run-2"));
        }

        using SiloJournal again = SiloJournal.Open(_path);
        Assert.Equal(4, again.Pending.Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(37)]
    public void Append_DiskFull_TakesNothingAndGoesOnWhenThereIsSpace(int room)
    {
        SmallDisk? disk = null;
        using (SiloJournal journal = SiloJournal.Open(_path, path => disk = new SmallDisk(path)))
        {
            journal.Append(Offer("run-1"));
            disk!.Room = room;

            FedCloudException error = Assert.Throws<FedCloudException>(() => journal.Append(Offer("run-2")));

            Assert.Equal(ErrorCodes.DiskFull, error.Code);
            Assert.Single(journal.State.Runs);
            disk.Room = int.MaxValue;
            Assert.Null(journal.Append(Offer("run-3")));
        }

        using SiloJournal again = SiloJournal.Open(_path);
        Assert.Equal(["run-1", "run-3"], again.State.Runs.Keys.Select(run => run.Value));
    }

    [Theory]
    [InlineData("run-1", "run-9")]
    [InlineData("\"seq\":1", "\"seq\":3")]
    public void Open_ChangedLine_IsBroken(string from, string to)
    {
        using (SiloJournal journal = SiloJournal.Open(_path))
        {
            journal.Append(Offer("run-1"));
            journal.Append(Offer("run-2"));
        }

        File.WriteAllText(_path, File.ReadAllText(_path).Replace(from, to, StringComparison.Ordinal));

        FedCloudException error = Assert.Throws<FedCloudException>(() => SiloJournal.Open(_path));
        Assert.Equal(ErrorCodes.JournalBroken, error.Code);
    }

    [Fact]
    public void Open_Twice_IsLocked()
    {
        using SiloJournal first = SiloJournal.Open(_path);

        Assert.Equal(ErrorCodes.JournalLocked, Assert.Throws<FedCloudException>(() => SiloJournal.Open(_path)).Code);
    }

    private static void Hold(SiloJournal journal)
    {
        RoundOpening start = AuditedSilo.Start(1);
        Sha256Digest rid = AuditedSilo.Rid(start);
        OfferReceived offer = Offer(Job.Value);
        journal.Append(offer with { Offer = offer.Offer with { ConfigSha256 = start.ConfigSha256, InitialModelSha256 = start.ModelSha256 } });
        journal.Append(new StartReceived(DateTimeOffset.UnixEpoch, start, rid, 1, null, null));
        journal.Append(new TrainingFinished(DateTimeOffset.UnixEpoch, Job, rid, Sha256Digest.Zero, start.UpdateLen, 1, ImmutableSortedDictionary<string, string>.Empty));
    }

    private static OfferReceived Offer(string job) => new(
        DateTimeOffset.UnixEpoch,
        new PlanOfferBody { Type = RunBody.Offer, Federation = new FederationId("test-federation"), RosterSha256 = Sha256Digest.Zero, Job = new RunId(job), ConfigSha256 = Sha256Digest.Zero, InitialModelSha256 = Sha256Digest.Zero, AnswerBy = 1 },
        1,
        null);

    /// <summary>A file on a disk with so many bytes left.</summary>
    private sealed class SmallDisk(string path) : FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0)
    {
        public int Room { get; set; } = int.MaxValue;

        // In a derived stream the other overloads lead here.
        public override void Write(byte[] buffer, int offset, int count)
        {
            base.Write(buffer, offset, Math.Min(count, Room));
            if (count > Room)
            {
                throw new IOException("No space left on device");
            }
        }
    }
}
