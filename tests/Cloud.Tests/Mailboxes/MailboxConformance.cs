// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using Xunit;

namespace FedCloud.Cloud.Tests.Mailboxes;

/// <summary>What every mailbox does.</summary>
public abstract class MailboxConformance
{
    protected abstract Task<IMailbox> OpenAsync();

    [Fact]
    public async Task Send_ThenReceiveAndComplete_DeliversOnce()
    {
        IMailbox mailbox = await OpenAsync();
        await mailbox.SendAsync(Id(1), [1, 2], default);

        ReceivedMessage message = Assert.Single(await mailbox.ReceiveAsync(10, default));

        Assert.Equal([1, 2], message.Body);
        Assert.Equal(1, message.Delivery);
        Assert.Empty(await mailbox.ReceiveAsync(10, default));
        Assert.True(await mailbox.CompleteAsync(message, default));
        Assert.Empty(await mailbox.ReceiveAsync(10, default));
    }

    [Fact]
    public async Task Abandon_Message_DeliversAgainAndCounts()
    {
        IMailbox mailbox = await OpenAsync();
        await mailbox.SendAsync(Id(1), [1], default);

        await mailbox.AbandonAsync(Assert.Single(await mailbox.ReceiveAsync(10, default)), default);

        Assert.Equal(2, Assert.Single(await mailbox.ReceiveAsync(10, default)).Delivery);
    }

    [Fact]
    public async Task Send_SameIdWhileWaitingOrAfterCompletion_IsADuplicate()
    {
        IMailbox mailbox = await OpenAsync();

        Assert.True(await mailbox.SendAsync(Id(1), [1], default));
        Assert.False(await mailbox.SendAsync(Id(1), [1], default));
        await mailbox.CompleteAsync(Assert.Single(await mailbox.ReceiveAsync(10, default)), default);
        await mailbox.SendAsync(Id(1), [1], default);

        Assert.Empty(await mailbox.ReceiveAsync(10, default));
    }

    [Fact]
    public async Task DeadLetter_Message_IsPutAsideWithItsReason()
    {
        IMailbox mailbox = await OpenAsync();
        await mailbox.SendAsync(Id(1), [1], default);

        await mailbox.DeadLetterAsync(Assert.Single(await mailbox.ReceiveAsync(10, default)), "signature_invalid", default);

        Assert.Empty(await mailbox.ReceiveAsync(10, default));
        Assert.Equal(new DeadLetter(Id(1), "signature_invalid"), Assert.Single(await mailbox.ListDeadLettersAsync(default)));
    }

    [Fact]
    public async Task Receive_TooManyDeliveries_PutsTheMessageAside()
    {
        IMailbox mailbox = await OpenAsync();
        await mailbox.SendAsync(Id(1), [1], default);
        for (int i = 0; i < 3; i++)
        {
            await mailbox.AbandonAsync(Assert.Single(await mailbox.ReceiveAsync(10, default)), default);
        }

        Assert.Empty(await mailbox.ReceiveAsync(10, default));
        Assert.Single(await mailbox.ListDeadLettersAsync(default));
    }

    [Fact]
    public async Task Send_TooLarge_IsRefused()
    {
        IMailbox mailbox = await OpenAsync();

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => mailbox.SendAsync(Id(1), new byte[Frame.MaxBytes + 1], default));

        Assert.Equal(ErrorCodes.MessageTooLarge, error.Code);
    }

    [Fact]
    public async Task Renew_HeldMessage_KeepsIt()
    {
        IMailbox mailbox = await OpenAsync();
        await mailbox.SendAsync(Id(1), [1], default);
        ReceivedMessage message = Assert.Single(await mailbox.ReceiveAsync(10, default));

        Assert.True(await mailbox.RenewAsync(message, default));
        await mailbox.AbandonAsync(message, default);
        Assert.False(await mailbox.CompleteAsync(message, default));
    }

    private static MessageId Id(byte number) => MessageId.From([number, .. new byte[15]]);
}

/// <summary>The portable mailbox on the emulator, three deliveries at most.</summary>
[Collection(AzuriteTests.Name)]
public sealed class BlobMailboxTests(AzuriteFixture azurite) : MailboxConformance
{
    protected override async Task<IMailbox> OpenAsync()
    {
        string container = await azurite.ContainerAsync();
        return new BlobMailbox(azurite.OpenAs(container, BlobSas.Mailbox), container, TimeProvider.System, new BlobMailboxOptions { MaxDeliveries = 3 });
    }
}
