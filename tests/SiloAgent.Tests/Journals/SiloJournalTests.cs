// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Journals;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Journals;

public sealed class SiloJournalTests
{
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

        Assert.Equal(before.Select(pending => pending.Id), again.Pending.Select(pending => pending.Id));
        Assert.Equal(before.Select(pending => ((SendAnswer)pending.Effect).Body), again.Pending.Select(pending => ((SendAnswer)pending.Effect).Body));
        Assert.Equal(head, again.Head);
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
            Assert.Single(torn.Pending);
            torn.Append(Offer("run-2"));
        }

        using SiloJournal again = SiloJournal.Open(_path);
        Assert.Equal(2, again.Pending.Length);
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

    private static OfferReceived Offer(string job) => new(
        DateTimeOffset.UnixEpoch,
        new PlanOfferBody { Type = RunBody.Offer, Federation = new FederationId("test-federation"), RosterSha256 = Sha256Digest.Zero, Job = new RunId(job), ConfigSha256 = Sha256Digest.Zero, InitialModelSha256 = Sha256Digest.Zero, AnswerBy = 1 },
        1,
        null);
}
