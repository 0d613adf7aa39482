// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Reflection;
using System.Text.Json;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Silos;
using FedCloud.Protocol.Tests.Silos;
using FedCloud.SiloAgent.Journals;
using Xunit;
using static FedCloud.Protocol.Tests.Silos.SiloStory;

namespace FedCloud.SiloAgent.Tests.Journals;

public sealed class JournalLineTests
{
    private static readonly RoundOpening One = SecureStory.Opening(1, 0);
    private static readonly Sha256Digest Rid = SecureStory.Rid(One);

    private static readonly SiloEvent[] Events =
    [
        new OfferReceived(Now, Offer(), 1, "policy_refused", IsSecure: true),
        new OfferReceived(Now, Offer(), 1, null, IsSecure: true, MayRepeat: true, IsPrivate: true, Asks: true),
        new PlanDecided(Now, Job, "administrator_refused", MayRepeat: true, IsByAdministrator: true),
        SecureStory.Started(One, SecureStory.Version(One), true, (SecureStory.Opening(9, 1), [1, 2])) with { Refusal = "policy_refused" },
        Received(Start(1)),
        SecureStory.Trained(One),
        SecureStory.Failed(One),
        SecureStory.Witnessed(One),
        new RoundMisrecorded(Now, Job, Rid, Hash("entry")),
        SecureStory.Up(One) with { Attempt = 2 },
        new UploadRefused(Now, Job, Rid, 1),
        new UploadAgainReceived(Now, new UploadAgainBody { Type = RunBody.UploadAgain, Job = Job, Round = 1, Rid = Rid, Idx = 1, Upload = RunBody.Shares, Attempt = 2 }),
        new ResultReceived(Now, Result(Start(1))),
        SecureStory.Abandoned(One),
        SecureStory.Ended(Job, "completed"),
        new EvaluationFinished(Now, Job, 9, NoFigures.Add("loss", "1")),
        SecureStory.Late(One),
        new LogRefused(Now, "log_fork", [Hash("kept"), Hash("shown")]),
        new LogResumed(Now),
        new AgentRestarted(Now, IsContinuous: true, Hash("token")),
        new AgentRestarted(Now, IsContinuous: false, null),
        new JournalOlder(Now, Hash("head")),
        new RosterFollowed(Now, Hash("roster"), OnlyGrew: true),
        SecureStory.Called(1),
        SecureStory.Keys(1),
        SecureStory.List(1),
        SecureStory.Dealt(1),
        SecureStory.Accepted(1),
        SecureStory.Refusal(1),
        new EpochExpired(Now, SecureStory.Sid(1)),
        SecureStory.Vector(One),
        SecureStory.U3(One),
        SecureStory.Agreement(One),
        SecureStory.Committed(One),
        new Misbehaved(Now, Job, ErrorCodes.AckInvalid.Name, [Hash("body")]),
        new Misbehaved(Now, null, ErrorCodes.AckInvalid.Name, []),
    ];

    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "journal.jsonl");

    public static TheoryData<int> Indexes => [.. Enumerable.Range(0, Events.Length)];

    [Fact]
    public void Events_OfEveryKind_AreTested() =>
        Assert.Equal(
            typeof(SiloEvent).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(SiloEvent))).Select(type => type.Name).Order(),
            Events.Select(@event => @event.GetType().Name).Distinct().Order());

    [Theory]
    [MemberData(nameof(Indexes))]
    public void Event_WrittenAndRead_IsTheSame(int index)
    {
        SiloEvent @event = Events[index];
        string written = Line(@event);

        SiloEvent read = JsonSerializer.Deserialize(written, JournalJson.Default.JournalLine)!.Event!;

        Assert.IsType(@event.GetType(), read);
        Assert.Equal(written, Line(read));
        using JsonDocument line = JsonDocument.Parse(written);
        foreach (PropertyInfo member in @event.GetType().GetProperties().Where(member => member.GetValue(@event) is not null))
        {
            Assert.True(line.RootElement.GetProperty("event").TryGetProperty(JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Name), out _), member.Name);
        }
    }

    [Fact]
    public void Open_AfterARoundUnderSecureAggregation_StandsWhereItStood()
    {
        string before;
        using (SiloJournal journal = SiloJournal.Open(_path))
        {
            SiloEvent[] events =
            [
                new OfferReceived(Now, Offer(), 1, null, IsSecure: true),
                new AgentRestarted(Now, IsContinuous: true, Hash("token")),
                SecureStory.Called(1),
                SecureStory.Keys(1),
                SecureStory.List(1),
                SecureStory.Dealt(1),
                SecureStory.Accepted(1),
                SecureStory.Started(One),
                SecureStory.Trained(One),
                SecureStory.Witnessed(One),
                SecureStory.Vector(One),
                SecureStory.Up(One),
                SecureStory.U3(One),
                SecureStory.Agreement(One),
            ];
            Assert.All(events, @event => Assert.Null(journal.Append(@event)));
            before = Standing(journal);
        }

        using SiloJournal again = SiloJournal.Open(_path);

        Assert.Equal(before, Standing(again));
        Assert.Equal(SiloSlotPhase.Revealed, SiloMachine.FindSlot(again.State, Rid)!.Value.Record.Phase);
        Assert.Single(again.Pending, pending => pending.Effect is SendUnmask);
    }

    private static string Line(SiloEvent @event) => JsonSerializer.Serialize(new JournalLine(1, Sha256Digest.Zero, null, @event), JournalJson.Default.JournalLine);

    private static string Standing(SiloJournal journal) => JsonSerializer.Serialize(journal.State) + JsonSerializer.Serialize(journal.Pending);
}
