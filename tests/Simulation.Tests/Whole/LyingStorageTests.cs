// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Journals;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Honest agents with a storage that holds things back, an old home, or a roster that nobody carried (secure-aggregation, sections 5.3, 6 and J7).</summary>
public sealed class LyingStorageTests
{
    private const string Lines = "cosigned/";

    [Fact]
    public async Task Witnesses_OneTooFew_NothingIsArmed()
    {
        await using Liar liar = new();
        liar.Federation.Store.Hides = name => IsLine(name) && (Ends(name, liar.Silos[2]) || Ends(name, liar.Silos[3]));

        await liar.Federation.RunUntilAsync(() => liar.Silos.All(silo => liar.Declines(silo).Any()));

        Assert.All(liar.Silos, silo => RequireTrainedButNotArmed(liar, silo));
    }

    [Fact]
    public async Task Witnesses_OfACheckpointWithoutTheRound_NothingIsArmed()
    {
        await using Liar liar = new();
        liar.Federation.Store.Hides = name => IsLine(name) && liar.Entries(Size(name)).Any(entry => Is(entry, EntryTypes.RoundStart));

        await liar.Federation.RunUntilAsync(() => liar.Silos.All(silo => liar.Declines(silo).Any()));

        Assert.All(liar.Silos, silo => RequireTrainedButNotArmed(liar, silo));
    }

    [Fact]
    public async Task Witnesses_OfACheckpointWithoutThisStart_NothingIsArmed()
    {
        await using Liar liar = new();
        SimulatedSilo silo = liar.Silos[0];
        await liar.Federation.RunUntilAsync(() => liar.Count(silo, SecureFrame.RoundStart) > 0);
        silo.Dispose();
        liar.Federation.Store.Hides = name => IsLine(name) && liar.Entries(Size(name)).Count(entry => Is(entry, EntryTypes.AgentStarted)) > liar.Silos.Length;

        await liar.Federation.RunUntilAsync(() => liar.Declines(silo).Any());

        if (Directory.Exists("/dev/shm"))
        {
            RequireTrainedButNotArmed(liar, silo);
        }

        Assert.Empty(liar.Sent(silo, SecureFrame.Masked));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Home_Restored_MasksNothingFromItsOldSlots(bool memory)
    {
        await using Liar liar = new();
        SimulatedSilo silo = liar.Silos[0];
        await liar.Federation.RunUntilAsync(() => liar.Count(silo, SecureFrame.RoundStart) > 0);
        silo.BackUp();
        await liar.Federation.RunUntilAsync(() => liar.Count(silo, SecureFrame.Result) > 0 && liar.Envelopes<MaskedBody>(silo).Any());
        HashSet<string> before = [.. liar.Starts(silo).Select(start => start.Sid.Hex)];
        int masked = Masked(liar, silo).Count;
        silo.Restore(memory);

        await liar.Federation.RunUntilAsync(() => liar.Federation.Run?.IsFinal() == true);

        Assert.All(Masked(liar, silo).Skip(masked), body => Assert.DoesNotContain(liar.Starts(silo).Single(start => start.Rid == body.Rid).Sid.Hex, before));
        SiloEvent[] events = [.. silo.Lines().Select(line => line.Event).OfType<SiloEvent>()];
        Assert.Equal(memory && Directory.Exists("/dev/shm"), events.OfType<AgentRestarted>().Last().IsContinuous);
        Assert.Contains(events, seen => seen is JournalOlder);
        using SiloJournal journal = silo.Journal();
        Assert.DoesNotContain(journal.State.Epochs.Values, epoch => before.Contains(epoch.Sid.Hex));
    }

    [Fact]
    public async Task Roster_NotCarried_IsKeptOutWithItsHashAsEvidence()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo silo = liar.Silos[0];
        RosterBundle first = RosterBundle.Parse(liar.Federation.Store.Peek(RosterBundle.Container, RosterBundle.PublishedPath(1)));
        Roster roster = Roster.Parse(first.Roster.Payload);
        byte[] next = (roster with { Version = 2, N = 3, Members = roster.Members[..^1] }).ToJcs();
        DsseEnvelope signed = await liar.Silos[1].SignAsync(Roster.PayloadType, next);
        string path = RosterBundle.PublishedPath(2);
        byte[] bundle = new RosterBundle { Roster = signed, Joins = first.Joins[..^1] }.ToJson();
        await liar.Federation.Store.PutIfAbsentAsync(new BlobName(RosterBundle.Container, path), BlobContent.Of(bundle), CancellationToken.None);

        await liar.SendRosterAsync(silo, path, bundle);

        liar.RequireRefused(silo, ErrorCodes.RosterSignaturesMissing);
        Assert.Equal(1, silo.RosterVersion());
    }

    private static void RequireTrainedButNotArmed(Liar liar, SimulatedSilo silo)
    {
        Assert.Contains(silo.Reports, line => line.Contains("phase = training", StringComparison.Ordinal));
        Assert.Equal(ErrorCodes.RoundNotLogged.Name, liar.Declines(silo).First());
        Assert.Empty(liar.Sent(silo, SecureFrame.Masked));
        Assert.DoesNotContain(silo.Lines(), line => line.Event is RoundWitnessed or UpdateMasked);
        liar.RequireNothingRevealed(silo);
    }

    private static List<MaskedBody> Masked(Liar liar, SimulatedSilo silo) =>
        [.. liar.Envelopes<MaskedBody>(silo).DistinctBy(envelope => envelope.Identity).Select(envelope => SecureAggregationBody.Parse<MaskedBody>(envelope.Payload))];

    private static bool IsLine(BlobName name) => name.Path.StartsWith(Lines, StringComparison.Ordinal);

    private static bool Ends(BlobName name, SimulatedSilo silo) => name.Path.EndsWith("/" + silo.Id.Value, StringComparison.Ordinal);

    private static long Size(BlobName name) => long.Parse(name.Path.Split('/')[1], CultureInfo.InvariantCulture);

    private static bool Is(LogEntry entry, string type) => string.Equals(entry.Type, type, StringComparison.Ordinal);
}
