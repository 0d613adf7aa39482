// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Cloud.Tests.Blobs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using Xunit;

namespace FedCloud.Cloud.Tests.Mailboxes;

/// <summary>The mailbox in a queue of Service Bus, with a broker in memory.</summary>
public sealed class ServiceBusMailboxTests : MailboxConformance
{
    private static readonly ServiceBusOptions Options = new() { Namespace = "fedcloud.servicebus.windows.net" };

    private readonly ManualTime _time = new();
    private readonly FakeQueue _queue;
    private readonly ServiceBusMailbox _mailbox;

    public ServiceBusMailboxTests()
    {
        _queue = new FakeQueue(_time, maxDeliveries: 3);
        _mailbox = Open();
    }

    protected override IMailbox Mailbox => _mailbox;

    protected override int MaxDeliveries => 3;

    protected override bool SaysDuplicates => false;

    public override Task InitializeAsync() => Task.CompletedTask;

    public override async Task DisposeAsync() => await _mailbox.DisposeAsync();

    [Theory]
    [InlineData(ServiceBusFailureReason.ServiceBusy, "mailbox_unreachable")]
    [InlineData(ServiceBusFailureReason.ServiceTimeout, "mailbox_unreachable")]
    [InlineData(ServiceBusFailureReason.ServiceCommunicationProblem, "mailbox_unreachable")]
    [InlineData(ServiceBusFailureReason.MessagingEntityNotFound, "mailbox_missing")]
    [InlineData(ServiceBusFailureReason.MessagingEntityDisabled, "mailbox_missing")]
    [InlineData(ServiceBusFailureReason.QuotaExceeded, "mailbox_failed")]
    [InlineData(ServiceBusFailureReason.GeneralError, "mailbox_failed")]
    public async Task Any_BrokerFails_HasOurCode(ServiceBusFailureReason reason, string expected)
    {
        ReceivedMessage message = await SentAndReceivedAsync();
        _queue.Before = _ => throw FakeQueue.Failure(reason);

        await AllFailAsync(message, expected);
    }

    [Fact]
    public async Task Any_OtherTrouble_HasOurCode()
    {
        ReceivedMessage message = await SentAndReceivedAsync();
        foreach ((Exception error, string expected) in ((Exception, string)[])
            [
                (new UnauthorizedAccessException("Send claim required"), "mailbox_denied"),
                (new CredentialUnavailableException("no identity"), "sign_in_failed"),
                (new TimeoutException(), "mailbox_unreachable"),
                (new IOException(), "mailbox_unreachable"),
                (new TaskCanceledException(), "mailbox_unreachable"),
                (new ServiceBusException(isTransient: true, "unknown but passing"), "mailbox_unreachable"),
            ])
        {
            _queue.Before = _ => throw error;

            await AllFailAsync(message, expected);
        }
    }

    [Theory]
    [InlineData(ServiceBusFailureReason.MessageLockLost)]
    [InlineData(ServiceBusFailureReason.SessionLockLost)]
    [InlineData(ServiceBusFailureReason.MessageNotFound)]
    public async Task Any_LockLost_IsAValue(ServiceBusFailureReason reason)
    {
        foreach (Func<ReceivedMessage, Task<bool>> act in (Func<ReceivedMessage, Task<bool>>[])
            [
                message => Mailbox.RenewAsync(message, None),
                message => Mailbox.CompleteAsync(message, None),
                message => Mailbox.DeadLetterAsync(message, "signature_invalid", None),
                async message =>
                {
                    await Mailbox.AbandonAsync(message, None);
                    return false;
                },
            ])
        {
            _queue.Before = _ => { };
            ReceivedMessage message = await SentAndReceivedAsync();
            _queue.Before = _ => throw FakeQueue.Failure(reason);

            Assert.False(await act(message));
        }
    }

    [Fact]
    public async Task Complete_FailsOnTheWay_CanBeRepeatedUnderTheSameLock()
    {
        ReceivedMessage message = await SentAndReceivedAsync();
        _queue.Before = _ => throw FakeQueue.Failure(ServiceBusFailureReason.ServiceBusy);
        await Assert.ThrowsAsync<FedCloudException>(() => Mailbox.CompleteAsync(message, None));
        _queue.Before = _ => { };

        Assert.True(await Mailbox.CompleteAsync(message, None));
        Assert.Empty(await Mailbox.ReceiveAsync(10, None));
    }

    [Fact]
    public async Task Lock_RunsOutInTheMiddleOfTheWork_LeavesTheMessageToTheNext()
    {
        ReceivedMessage first = await SentAndReceivedAsync();
        _time.Advance(TimeSpan.FromSeconds(40));
        Assert.True(await Mailbox.RenewAsync(first, None));
        _time.Advance(TimeSpan.FromSeconds(40));
        Assert.Empty(await Mailbox.ReceiveAsync(10, None));
        _time.Advance(TimeSpan.FromSeconds(21));

        ReceivedMessage second = await ReceiveOneAsync();

        Assert.Equal((first.Id, 2), (second.Id, second.Delivery));
        Assert.NotEqual(first.Lock, second.Lock, StringComparer.Ordinal);
        Assert.False(await Mailbox.CompleteAsync(first, None));
        Assert.True(await Mailbox.CompleteAsync(second, None));
    }

    [Fact]
    public async Task Lock_OfAnotherMailboxObject_IsLost()
    {
        ReceivedMessage message = await SentAndReceivedAsync();
        await using ServiceBusMailbox other = Open();

        Assert.False(await other.CompleteAsync(message, None));
        Assert.False(await other.RenewAsync(message, None));
        Assert.True(await Mailbox.CompleteAsync(message, None));
    }

    [Fact]
    public async Task Lock_NeverSettled_IsForgottenAfterTheLongestLock()
    {
        ReceivedMessage renewed = await SentAndReceivedAsync();
        ReceivedMessage forgotten = await SentAndReceivedAsync();
        for (int i = 0; i < 8; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(50));
            Assert.True(await Mailbox.RenewAsync(renewed, None));
        }

        await Mailbox.ReceiveAsync(1, None);
        int asked = 0;
        _queue.Before = _ => asked++;

        Assert.False(await Mailbox.CompleteAsync(forgotten, None));
        Assert.Equal(0, asked);
        Assert.True(await Mailbox.CompleteAsync(renewed, None));
    }

    [Fact]
    public async Task Send_AfterTheWindow_IsDeliveredAgain()
    {
        ReceivedMessage message = await SentAndReceivedAsync();
        await Mailbox.CompleteAsync(message, None);
        _time.Advance(TimeSpan.FromMinutes(11));

        await Mailbox.SendAsync(message.Id, message.Body, None);

        Assert.Equal(message.Id, (await ReceiveOneAsync()).Id);
    }

    [Fact]
    public async Task Receive_ForeignMessages_BecomeDeadLettersUnread()
    {
        FakeServiceBus stranger = new(_queue);
        MessageId large = NewId();
        await stranger.CreateSender("coordinator").SendMessageAsync(new ServiceBusMessage(new byte[] { 1 }) { MessageId = "../../other" });
        await stranger.CreateSender("coordinator").SendMessageAsync(new ServiceBusMessage(new byte[] { 2 }) { MessageId = NewId().Value.ToUpperInvariant() + "x" });
        await stranger.CreateSender("coordinator").SendMessageAsync(new ServiceBusMessage(new byte[Frame.MaxBytes + 1]) { MessageId = large.Value });
        MessageId good = NewId();
        await Mailbox.SendAsync(good, "hello"u8.ToArray(), None);

        IReadOnlyList<ReceivedMessage> received = await Mailbox.ReceiveAsync(10, None);

        Assert.Equal(good, Assert.Single(received).Id);
        Assert.Equal([new DeadLetter(large, ErrorCodes.MessageTooLarge.Name)], await Mailbox.ListDeadLettersAsync(None));
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(good, Assert.Single(await Mailbox.ReceiveAsync(10, None)).Id);
    }

    [Fact]
    public async Task Receive_ForeignMessageCannotBePutAside_GivesTheOthers()
    {
        await new FakeServiceBus(_queue).CreateSender("coordinator").SendMessageAsync(new ServiceBusMessage(new byte[] { 1 }) { MessageId = "foreign" });
        MessageId good = NewId();
        await Mailbox.SendAsync(good, "hello"u8.ToArray(), None);
        _queue.Before = operation => { if (operation is "dead letter") { throw FakeQueue.Failure(ServiceBusFailureReason.ServiceBusy); } };

        Assert.Equal(good, Assert.Single(await Mailbox.ReceiveAsync(10, None)).Id);
    }

    [Fact]
    public async Task ListDeadLetters_MoreThanAPage_GivesAllOnce()
    {
        MessageId[] ids = [.. Enumerable.Range(0, 5).Select(_ => NewId())];
        foreach (MessageId id in ids)
        {
            await Mailbox.SendAsync(id, "x"u8.ToArray(), None);
        }

        foreach (ReceivedMessage message in await Mailbox.ReceiveAsync(10, None))
        {
            await Mailbox.DeadLetterAsync(message, "signature_invalid", None);
        }

        Assert.Equal(ids, (await Mailbox.ListDeadLettersAsync(None)).Select(letter => letter.Id));
    }

    [Fact]
    public async Task ClaimCheck_BlobDeletedBeforeItIsRedeemed_IsFoundMissing()
    {
        AzureBlobStore store = new(new FakeBlobService(_time));
        BlobName name = new("down-silo", "parcel");
        await store.EnsureContainerAsync(name.Container, None);
        await store.PutIfAbsentAsync(name, BlobContent.Of("parcel"u8.ToArray()), None);
        await Mailbox.SendAsync(NewId(), System.Text.Encoding.UTF8.GetBytes(name.Path), None);
        await store.DeleteAsync(name, lease: null, None);

        ReceivedMessage message = await ReceiveOneAsync();

        Assert.Null(await store.ReadAsync(new BlobName(name.Container, System.Text.Encoding.UTF8.GetString(message.Body)), 100, None));
        Assert.True(await Mailbox.DeadLetterAsync(message, ErrorCodes.StorageFailed.Name, None));
    }

    [Fact]
    public async Task Receive_Waits_AsTheOptionsSay()
    {
        await Mailbox.ReceiveAsync(1, None);

        Assert.Equal(TimeSpan.FromSeconds(1), _queue.LastWait);
    }

    [Fact]
    public void Options_InTheClientsWords_PassFirewallsAndAreBounded()
    {
        ServiceBusClientOptions client = (Options with { Proxy = new Uri("http://proxy.hospital.test:3128") }).ToClientOptions();

        Assert.Equal(ServiceBusTransportType.AmqpWebSockets, client.TransportType);
        Assert.Equal(new Uri("http://proxy.hospital.test:3128"), Assert.IsType<WebProxy>(client.WebProxy).Address);
        Assert.Equal((ServiceBusRetryMode.Exponential, 4), (client.RetryOptions.Mode, client.RetryOptions.MaxRetries));
        Assert.Equal(TimeSpan.FromSeconds(30), client.RetryOptions.TryTimeout);
        Assert.Null(Options.ToClientOptions().WebProxy);
    }

    protected override Task LoseLockAsync(ReceivedMessage message)
    {
        _queue.EndLock(message.Lock);
        return Task.CompletedTask;
    }

    private ServiceBusMailbox Open() => new(new FakeServiceBus(_queue), "coordinator", Options, _time);

    private async Task AllFailAsync(ReceivedMessage message, string expected)
    {
        foreach (Func<Task> act in (Func<Task>[])
            [
                () => Mailbox.SendAsync(NewId(), "x"u8.ToArray(), None),
                () => Mailbox.ReceiveAsync(1, None),
                () => Mailbox.RenewAsync(message, None),
                () => Mailbox.ListDeadLettersAsync(None),
            ])
        {
            FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(act);
            Assert.Equal(expected, error.Code.Name);
            Assert.True(ErrorCodes.IsOperational(error.Code));
            Assert.DoesNotContain("words", error.Message, StringComparison.Ordinal);
        }
    }
}
