// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using Xunit;

namespace FedCloud.Cloud.Tests.Mailboxes;

/// <summary>What every mailbox does. A derived class says which mailbox it is, and how a lock runs out in it.</summary>
public abstract class MailboxConformance : IAsyncLifetime
{
    protected static readonly CancellationToken None = CancellationToken.None;

    protected abstract IMailbox Mailbox { get; }

    /// <summary>How often a message of this mailbox is delivered at most.</summary>
    protected abstract int MaxDeliveries { get; }

    /// <summary>Whether sending says that an id was sent before. A broker may drop the duplicate without a word.</summary>
    protected virtual bool SaysDuplicates => true;

    public abstract Task InitializeAsync();

    public abstract Task DisposeAsync();

    [Fact]
    public async Task Send_NewMessage_IsReceivedWhole()
    {
        byte[] body = RandomNumberGenerator.GetBytes(Frame.MaxBytes);
        MessageId id = NewId();

        bool sent = await Mailbox.SendAsync(id, body, None);

        ReceivedMessage message = await ReceiveOneAsync();
        Assert.True(sent);
        Assert.Equal(id, message.Id);
        Assert.Equal(body, message.Body);
        Assert.Equal(1, message.Delivery);
    }

    [Fact]
    public async Task Send_TooLarge_IsRefused()
    {
        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => Mailbox.SendAsync(NewId(), new byte[Frame.MaxBytes + 1], None));

        Assert.Equal(ErrorCodes.MessageTooLarge, error.Code);
    }

    [Fact]
    public async Task Send_SameIdWhileWaiting_IsADuplicate()
    {
        MessageId id = NewId();
        await Mailbox.SendAsync(id, "first"u8.ToArray(), None);

        bool again = await Mailbox.SendAsync(id, "second"u8.ToArray(), None);

        Assert.Equal(SaysDuplicates, !again);
        Assert.Equal("first"u8.ToArray(), (await ReceiveOneAsync()).Body);
    }

    [Fact]
    public async Task Send_SameIdWhileLocked_IsADuplicate()
    {
        ReceivedMessage message = await SentAndReceivedAsync();

        Assert.Equal(SaysDuplicates, !await Mailbox.SendAsync(message.Id, "again"u8.ToArray(), None));
        Assert.Empty(await Mailbox.ReceiveAsync(10, None));
    }

    [Fact]
    public async Task Send_SameIdAfterCompletion_IsADuplicateAndNotDelivered()
    {
        ReceivedMessage message = await SentAndReceivedAsync();
        await Mailbox.CompleteAsync(message, None);

        bool again = await Mailbox.SendAsync(message.Id, message.Body, None);

        Assert.Equal(SaysDuplicates, !again);
        Assert.Empty(await Mailbox.ReceiveAsync(10, None));
    }

    [Fact]
    public async Task Receive_Nothing_IsEmptyAtOnce()
    {
        Assert.Empty(await Mailbox.ReceiveAsync(10, None));
    }

    [Fact]
    public async Task Receive_Many_GivesAtMostMaxAndEachOnce()
    {
        MessageId[] ids = [.. Enumerable.Range(0, 21).Select(_ => NewId())];
        foreach (MessageId id in ids)
        {
            await Mailbox.SendAsync(id, "x"u8.ToArray(), None);
        }

        IReadOnlyList<ReceivedMessage> first = await Mailbox.ReceiveAsync(10, None);
        IReadOnlyList<ReceivedMessage> second = await Mailbox.ReceiveAsync(10, None);
        IReadOnlyList<ReceivedMessage> third = await Mailbox.ReceiveAsync(10, None);

        Assert.Equal([10, 10, 1], [first.Count, second.Count, third.Count]);
        Assert.Equal(ids.Select(id => id.Value).Order(StringComparer.Ordinal), first.Concat(second).Concat(third).Select(message => message.Id.Value).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Receive_TwoReceiversAtOnce_EachMessageGoesToOne()
    {
        for (int i = 0; i < 6; i++)
        {
            await Mailbox.SendAsync(NewId(), "x"u8.ToArray(), None);
        }

        IReadOnlyList<ReceivedMessage>[] received = await Task.WhenAll(Mailbox.ReceiveAsync(6, None), Mailbox.ReceiveAsync(6, None));

        string[] ids = [.. received.SelectMany(messages => messages).Select(message => message.Id.Value)];
        Assert.Equal(6, ids.Length);
        Assert.Equal(6, ids.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task Receive_Locked_IsNotGivenAgain()
    {
        await SentAndReceivedAsync();

        Assert.Empty(await Mailbox.ReceiveAsync(10, None));
    }

    [Fact]
    public async Task Abandon_Message_IsDeliveredAgainAndCounted()
    {
        ReceivedMessage first = await SentAndReceivedAsync();

        await Mailbox.AbandonAsync(first, None);

        ReceivedMessage second = await ReceiveOneAsync();
        Assert.Equal(first.Id, second.Id);
        Assert.Equal(2, second.Delivery);
    }

    [Fact]
    public async Task Complete_Message_IsNeverGivenAgain()
    {
        ReceivedMessage message = await SentAndReceivedAsync();

        bool done = await Mailbox.CompleteAsync(message, None);

        Assert.True(done);
        Assert.Empty(await Mailbox.ReceiveAsync(10, None));
        Assert.False(await Mailbox.RenewAsync(message, None));
    }

    [Fact]
    public async Task Complete_LockLost_IsFalseAndDeliveredAgain()
    {
        ReceivedMessage message = await SentAndReceivedAsync();
        await LoseLockAsync(message);

        bool done = await Mailbox.CompleteAsync(message, None);

        Assert.False(done);
        Assert.Equal(message.Id, (await ReceiveOneAsync()).Id);
    }

    [Fact]
    public async Task Complete_LockTakenByAnother_LeavesItToTheOther()
    {
        ReceivedMessage first = await SentAndReceivedAsync();
        await LoseLockAsync(first);
        ReceivedMessage second = await ReceiveOneAsync();

        Assert.False(await Mailbox.CompleteAsync(first, None));
        Assert.False(await Mailbox.RenewAsync(first, None));
        Assert.True(await Mailbox.RenewAsync(second, None));
        Assert.True(await Mailbox.CompleteAsync(second, None));
    }

    [Fact]
    public async Task Renew_Held_KeepsTheLock()
    {
        ReceivedMessage message = await SentAndReceivedAsync();

        Assert.True(await Mailbox.RenewAsync(message, None));
        Assert.Empty(await Mailbox.ReceiveAsync(10, None));
    }

    [Fact]
    public async Task DeadLetter_Message_IsListedWithItsReason()
    {
        ReceivedMessage message = await SentAndReceivedAsync();

        bool done = await Mailbox.DeadLetterAsync(message, "signature_invalid", None);

        Assert.True(done);
        Assert.Empty(await Mailbox.ReceiveAsync(10, None));
        Assert.Equal([new DeadLetter(message.Id, "signature_invalid")], await Mailbox.ListDeadLettersAsync(None));
    }

    [Fact]
    public async Task DeadLetter_LockLost_IsFalseAndLeavesNoDeadLetter()
    {
        ReceivedMessage message = await SentAndReceivedAsync();
        await LoseLockAsync(message);

        bool done = await Mailbox.DeadLetterAsync(message, "signature_invalid", None);

        Assert.False(done);
        Assert.Empty(await Mailbox.ListDeadLettersAsync(None));
        Assert.Equal(message.Id, (await ReceiveOneAsync()).Id);
    }

    [Fact]
    public async Task Receive_DeliveredTooOften_BecomesADeadLetter()
    {
        MessageId id = NewId();
        await Mailbox.SendAsync(id, "poison"u8.ToArray(), None);
        List<int> deliveries = [];
        for (int i = 0; i < MaxDeliveries; i++)
        {
            ReceivedMessage message = await ReceiveOneAsync();
            deliveries.Add(message.Delivery);
            await LoseLockAsync(message);
        }

        IReadOnlyList<ReceivedMessage> after = await Mailbox.ReceiveAsync(10, None);

        Assert.Equal(Enumerable.Range(1, MaxDeliveries), deliveries);
        Assert.Empty(after);
        Assert.Equal([new DeadLetter(id, ErrorCodes.DeliveryLimit.Name)], await Mailbox.ListDeadLettersAsync(None));
    }

    /// <summary>Ends a message's lock as if its time had run out.</summary>
    protected abstract Task LoseLockAsync(ReceivedMessage message);

    protected static MessageId NewId() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));

    protected async Task<ReceivedMessage> ReceiveOneAsync() => Assert.Single(await Mailbox.ReceiveAsync(10, None));

    protected async Task<ReceivedMessage> SentAndReceivedAsync()
    {
        await Mailbox.SendAsync(NewId(), "hello"u8.ToArray(), None);
        return await ReceiveOneAsync();
    }
}
