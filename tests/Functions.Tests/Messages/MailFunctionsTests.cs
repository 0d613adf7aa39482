// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using Azure.Messaging.ServiceBus;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Tests;
using FedCloud.Functions.Messages;
using FedCloud.Functions.Orchestrations;
using FedCloud.Functions.Tests.Durable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Functions.Tests.Messages;

/// <summary>Messages from the queue: done with, put aside with their reason, or delivered again; never lost, and never in the log with what they say.</summary>
public sealed class MailFunctionsTests : IDisposable
{
    private readonly SharedFederation _federation = new();
    private readonly DurableTestHost _backend = new();
    private readonly DurableOrchestrations _orchestrations = new();
    private readonly Broker _broker = new();
    private RequestFault _fault;

    public void Dispose()
    {
        _federation.Dispose();
        _backend.Dispose();
    }

    [Fact]
    public async Task Take_Good_IsDoneWithAndWakesWhomItConcerns()
    {
        MailFunctions functions = Functions(out SharedCoordinator process);
        Frame[] joins = await JoinsAsync(process);

        Assert.Null(await DeliverAsync(functions, joins[0]));
        Assert.Null(await DeliverAsync(functions, joins[1]));

        Assert.Equal(0, _broker.Waiting);
        Assert.Empty(_broker.Reasons);
        Assert.NotNull((await _federation.StoredAsync()).Proposal);
        Assert.Equal(["epochs", "log"], await WokenAsync(functions, process));
    }

    [Fact]
    public async Task Take_Twice_ChangesNothingMore()
    {
        MailFunctions functions = Functions(out SharedCoordinator process);
        Frame[] joins = await JoinsAsync(process);
        foreach (Frame join in joins.Concat(joins))
        {
            Assert.Null(await DeliverAsync(functions, join));
        }

        FederationState state = await _federation.StoredAsync();
        Assert.Equal((2, 1), (state.Joined.Count, state.Proposal!.Roster.Version));
        Assert.Empty(_broker.Reasons);
    }

    [Fact]
    public async Task Take_InAnotherOrder_ComesToTheSame()
    {
        MailFunctions functions = Functions(out SharedCoordinator process);
        foreach (Frame join in await JoinsAsync(process))
        {
            _broker.Send(join.Id.Value, join.ToJson());
        }

        Assert.Null(await _broker.DeliverAsync(Take(functions), newest: true));
        Assert.Null(await _broker.DeliverAsync(Take(functions)));

        Assert.Equal(["silo-1", "silo-2"], (await _federation.StoredAsync()).Proposal!.Roster.Members.Select(member => member.SiloId.Value));
    }

    public static TheoryData<string, string> Poison() => new()
    {
        { "bytes of no meaning", "message_malformed" },
        { "nothing", "message_malformed" },
        { "another JSON", "message_malformed" },
        { "too large", "message_too_large" },
        { "a newer version", "message_version" },
        { "changed after it was signed", "join_refused" },
        { "signed by a stranger", "signature_invalid" },
        { "a code that is none", "join_refused" },
        { "an invitation that has ended", "join_refused" },
        { "an id that is none", "message_malformed" },
        { "no id", "message_malformed" },
    };

    [Theory]
    [MemberData(nameof(Poison))]
    public async Task Take_Poison_IsPutAsideWithItsCodeAndRecordedWithoutItsWords(string what, string code)
    {
        MailFunctions functions = Functions(out SharedCoordinator process);
        Frame[] joins = await JoinsAsync(process);
        Frame good = joins[0];
        (string id, byte[] body) = what switch
        {
            "bytes of no meaning" => (good.Id.Value, [0xff, 0x00, 0x80]),
            "nothing" => (good.Id.Value, []),
            "another JSON" => (good.Id.Value, "{\"patient\":\"a name\"}"u8.ToArray()),
            "too large" => (good.Id.Value, new byte[Frame.MaxBytes + 1]),
            "a newer version" => (good.Id.Value, (good with { V = 2 }).ToJson()),
            "changed after it was signed" => (good.Id.Value, Changed(good).ToJson()),
            "signed by a stranger" => (good.Id.Value, _federation.Sign(new SiloId("silo-1"), Rosters.Any).ToJson()),
            "a code that is none" => (good.Id.Value, _federation.Join(new SiloId("silo-1"), new string('0', 64)).ToJson()),
            "an invitation that has ended" => (good.Id.Value, Late(good).ToJson()),
            "an id that is none" => ("../../state/federation", good.ToJson()),
            _ => (string.Empty, good.ToJson()),
        };
        _broker.Send(id, body);

        Assert.Null(await _broker.DeliverAsync(Take(functions)));

        Assert.Equal((0, code), (_broker.Waiting, Assert.Single(_broker.Reasons)));
        Assert.Empty((await _federation.StoredAsync()).Joined);
        Assert.Null(await _broker.DrainAsync(letters => functions.RecordAsync(letters, _broker, _backend.Client, default)));
        Assert.Empty(_broker.Reasons);
        EntryDraft alarm = Assert.Single(await AlarmsAsync());
        Assert.Equal(code, alarm.Fields["code"].ToString());
        Assert.Equal(Sha256Digest.Of(body), Assert.Single(alarm.Subjects).Value);
        Assert.DoesNotContain("a name", Encoding.UTF8.GetString(_federation.Store.Peek("state", "audit.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Take_LockLostMeanwhile_ComesAgainAndIsDoneWith()
    {
        MailFunctions functions = Functions(out SharedCoordinator process);
        Frame[] joins = await JoinsAsync(process);
        _broker.Send(joins[0].Id.Value, joins[0].ToJson());
        _broker.LosesLocks = true;

        ServiceBusException lost = Assert.IsType<ServiceBusException>(await _broker.DeliverAsync(Take(functions)));
        Assert.Equal((ServiceBusFailureReason.MessageLockLost, 1), (lost.Reason, _broker.Waiting));
        Assert.Single((await _federation.StoredAsync()).Joined);
        _broker.LosesLocks = false;

        Assert.Null(await _broker.DeliverAsync(Take(functions)));
        Assert.Equal(0, _broker.Waiting);
        Assert.Single((await _federation.StoredAsync()).Joined);
        Assert.Empty(_broker.Reasons);
    }

    [Fact]
    public async Task Take_StorageAwayForAWhile_ComesAgainUntilItIsDone()
    {
        MailFunctions functions = Functions(out SharedCoordinator process);
        Frame[] joins = await JoinsAsync(process);
        _broker.Send(joins[0].Id.Value, joins[0].ToJson());

        for (int failures = 1; failures < Broker.MaxDeliveries; failures++)
        {
            _fault = failures % 2 == 0 ? RequestFault.Lost : RequestFault.AnswerLost;
            Assert.Equal(ErrorCodes.StorageUnreachable, Assert.IsType<FedCloudException>(await _broker.DeliverAsync(Take(functions))).Code);
        }

        _fault = RequestFault.None;
        ((SimulatedTime)_federation.Time).Advance(TimeSpan.FromSeconds(61));
        Assert.Null(await _broker.DeliverAsync(Take(functions)));
        Assert.Equal((0, 1), (_broker.Waiting, (await _federation.StoredAsync()).Joined.Count));
        Assert.Empty(_broker.Reasons);
    }

    [Fact]
    public async Task Take_StorageAwayForGood_EndsAmongTheDeadLettersAndInTheLog()
    {
        MailFunctions functions = Functions(out SharedCoordinator process);
        Frame[] joins = await JoinsAsync(process);
        _broker.Send(joins[0].Id.Value, joins[0].ToJson());
        _fault = RequestFault.Lost;
        int deliveries = 0;
        while (_broker.Waiting > 0)
        {
            Assert.NotNull(await _broker.DeliverAsync(Take(functions)));
            deliveries++;
        }

        Assert.Equal((Broker.MaxDeliveries, "MaxDeliveryCountExceeded"), (deliveries, Assert.Single(_broker.Reasons)));
        Assert.NotNull(await _broker.DrainAsync(letters => functions.RecordAsync(letters, _broker, _backend.Client, default)));
        Assert.Single(_broker.Reasons);
        _fault = RequestFault.None;

        Assert.Null(await _broker.DrainAsync(letters => functions.RecordAsync(letters, _broker, _backend.Client, default)));
        Assert.Empty(_broker.Reasons);
        Assert.Equal(ErrorCodes.DeliveryLimit.Name, Assert.Single(await AlarmsAsync()).Fields["code"].ToString());
    }

    // A message that nobody took in time has been put aside by the broker itself.
    [Theory]
    [InlineData("TTLExpiredException")]
    [InlineData("<script>")]
    [InlineData("")]
    public async Task Record_ReasonOfTheBrokers_IsACodeOfOurs(string reason)
    {
        MailFunctions functions = Functions(out _);
        ServiceBusReceivedMessage letter = ServiceBusModelFactory.ServiceBusReceivedMessage(
            BinaryData.FromString("late"), "an id", properties: new Dictionary<string, object>(StringComparer.Ordinal) { ["DeadLetterReason"] = reason });

        await Assert.ThrowsAsync<ServiceBusException>(() => functions.RecordAsync([letter], _broker, _backend.Client, default)); // the lock is nobody's

        Assert.Equal(ErrorCodes.DeliveryLimit.Name, Assert.Single(await AlarmsAsync()).Fields["code"].ToString());
    }

    [Fact]
    public async Task Record_Junk_TakesFewEntries()
    {
        MailFunctions functions = Functions(out _);
        for (int junk = 0; junk < 200; junk++)
        {
            _broker.Send($"junk {junk}", Encoding.UTF8.GetBytes($"junk {junk}"));
            await _broker.DeliverAsync(Take(functions));
        }

        Assert.Null(await _broker.DrainAsync(letters => functions.RecordAsync(letters, _broker, _backend.Client, default)));

        IReadOnlyList<EntryDraft> alarms = await AlarmsAsync();
        Assert.Equal([64, 64, 64, 8], alarms.Select(alarm => alarm.Subjects.Count));
    }

    private MailFunctions Functions(out SharedCoordinator process)
    {
        _orchestrations.Use(_backend.Client);
        process = _federation.Process(() => _fault, orchestrations: _orchestrations);
        return new MailFunctions(process, _orchestrations);
    }

    private async Task<Frame[]> JoinsAsync(SharedCoordinator process)
    {
        await process.StartAsync(default);
        string[] codes =
        [
            await process.Work.Members.InviteAsync(new SiloId("silo-1"), TimeSpan.FromDays(1), default),
            await process.Work.Members.InviteAsync(new SiloId("silo-2"), TimeSpan.FromDays(1), default),
        ];
        return [_federation.Join(new SiloId("silo-1"), codes[0]), _federation.Join(new SiloId("silo-2"), codes[1])];
    }

    private Func<ServiceBusReceivedMessage, Task> Take(MailFunctions functions) => message => functions.TakeAsync(message, _broker, _backend.Client, default);

    private async Task<Exception?> DeliverAsync(MailFunctions functions, Frame frame)
    {
        _broker.Send(frame.Id.Value, frame.ToJson());
        return await _broker.DeliverAsync(Take(functions));
    }

    private async Task<IEnumerable<string>> WokenAsync(MailFunctions functions, SharedCoordinator process)
    {
        Roster roster = (await _federation.StoredAsync()).Proposal!.Roster;
        foreach (string silo in new[] { "silo-1", "silo-2" })
        {
            Assert.Null(await DeliverAsync(functions, _federation.Sign(new SiloId(silo), roster)));
        }

        Assert.NotNull((await process.Work.FederationAsync(default)).Roster);
        return _backend.Instances.Select(instance => instance.InstanceId);
    }

    private static Frame Changed(Frame frame)
    {
        byte[] payload = [.. frame.Envelopes[0].Payload];
        payload[Encoding.UTF8.GetString(payload).IndexOf("silo-1", StringComparison.Ordinal) + 5] = (byte)'9';
        return frame with { Envelopes = [frame.Envelopes[0] with { Payload = payload }] };
    }

    private Frame Late(Frame frame)
    {
        ((SimulatedTime)_federation.Time).Advance(TimeSpan.FromDays(2));
        return frame;
    }

    private async Task<IReadOnlyList<EntryDraft>> AlarmsAsync() =>
        [.. (await _federation.OutgoingAsync()).Deferred.Where(draft => string.Equals(draft.Type, EntryTypes.Alarm, StringComparison.Ordinal))];

    private static class Rosters
    {
        public static Roster Any { get; } = new()
        {
            Federation = SharedFederation.Name,
            Version = 1,
            N = 0,
            Members = [],
            CoordinatorSpkiSha256 = [Sha256Digest.Zero],
            LogVkey = "log",
            Policy = System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty,
        };
    }
}
