// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Cloud.Tests.Azurite;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using Xunit;

namespace FedCloud.Cloud.Tests.Mailboxes;

/// <summary>The mailbox in a container of the emulator, received with just the rights of a silo on its own mailbox.</summary>
[Collection(StorageTests.Name)]
public sealed class BlobMailboxTests : MailboxConformance
{
    private readonly string _container = StorageFixture.NewContainer("mail");
    private readonly StorageFixture _storage;
    private readonly ManualTime _time = new();
    private readonly RestBlobStore _owner;
    private readonly RestBlobStore _silo;
    private readonly BlobMailbox _mailbox;

    public BlobMailboxTests(StorageFixture storage)
    {
        _storage = storage;
        _owner = storage.Open();
        _silo = storage.OpenWith(_container, BlobSas.Mailbox);
        _mailbox = new BlobMailbox(_silo, _container, _time, new BlobMailboxOptions { MaxDeliveries = 3 });
        Sender = new BlobMailbox(storage.OpenWith(_container, BlobSas.Create), _container, _time);
    }

    protected override IMailbox Mailbox => _mailbox;

    protected override int MaxDeliveries => 3;

    private BlobMailbox Sender { get; }

    public override Task InitializeAsync() => _owner.EnsureContainerAsync(_container, None);

    public override Task DisposeAsync()
    {
        _owner.Dispose();
        _silo.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Send_CreateOnlyCredential_SendsAndLearnsOfDuplicates()
    {
        MessageId id = NewId();

        Assert.True(await Sender.SendAsync(id, "hello"u8.ToArray(), None));
        Assert.False(await Sender.SendAsync(id, "hello"u8.ToArray(), None));
        ReceivedMessage message = await ReceiveOneAsync();
        Assert.True(await Mailbox.CompleteAsync(message, None));
        Assert.False(await Sender.SendAsync(id, "hello"u8.ToArray(), None));
    }

    [Fact]
    public async Task Receive_AfterDuplicateWindow_ForgetsCompletedMessages()
    {
        ReceivedMessage message = await SentAndReceivedAsync();
        await Mailbox.CompleteAsync(message, None);
        _time.Advance(TimeSpan.FromMinutes(11));

        await Mailbox.ReceiveAsync(10, None);

        Assert.Null(await _owner.OpenReadAsync(new BlobName(_container, message.Id.Value), 0, null, None));
        Assert.True(await Mailbox.SendAsync(message.Id, message.Body, None));
    }

    [Fact]
    public async Task Complete_Message_RemovesItsBytes()
    {
        ReceivedMessage message = await SentAndReceivedAsync();

        await Mailbox.CompleteAsync(message, None);

        using BlobRead? read = await _owner.OpenReadAsync(new BlobName(_container, message.Id.Value), 0, null, None);
        Assert.Equal(0, read?.BlobLength);
    }

    [Fact]
    public async Task Receive_OversizedBlob_BecomesADeadLetterUnread()
    {
        MessageId id = NewId();
        await _owner.PutIfAbsentAsync(new BlobName(_container, id.Value), BlobContent.Of(new byte[Frame.MaxBytes + 1]), None);

        Assert.Empty(await Mailbox.ReceiveAsync(10, None));

        Assert.Equal([new DeadLetter(id, ErrorCodes.MessageTooLarge.Name)], await Mailbox.ListDeadLettersAsync(None));
    }

    [Theory]
    [InlineData("deliveries", "-1")]
    [InlineData("deliveries", "2147483647")]
    [InlineData("deliveries", "99999999999999999999")]
    [InlineData("deliveries", "many")]
    public async Task Receive_ForgedDeliveryCount_BecomesADeadLetter(string key, string value)
    {
        MessageId id = NewId();
        BlobContent forged = BlobContent.Of("x"u8.ToArray()).WithMetadata(new Dictionary<string, string>(StringComparer.Ordinal) { [key] = value });
        await _owner.PutIfAbsentAsync(new BlobName(_container, id.Value), forged, None);

        Assert.Empty(await Mailbox.ReceiveAsync(10, None));

        Assert.Equal([new DeadLetter(id, ErrorCodes.DeliveryLimit.Name)], await Mailbox.ListDeadLettersAsync(None));
    }

    [Fact]
    public async Task Receive_ForeignNames_AreIgnored()
    {
        using HttpClient http = new();
        string[] names = ["Upper%20Case", "dead/X%20Y", "0123456789abcdef0123456789abcdeF", "done/x", "%25", "a%2f..%2fb"];
        foreach (string name in names)
        {
            await _storage.PutRawAsync(http, _container, name);
        }

        _time.Advance(TimeSpan.FromMinutes(11));
        ReceivedMessage message = await SentAndReceivedAsync();

        Assert.Equal("hello"u8.ToArray(), message.Body);
        Assert.Empty(await Mailbox.ListDeadLettersAsync(None));
    }

    protected override Task LoseLockAsync(ReceivedMessage message) => _owner.ReleaseLeaseAsync(new BlobName(_container, message.Id.Value), message.Lock, None);
}
