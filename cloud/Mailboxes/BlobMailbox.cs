// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>How a <see cref="BlobMailbox"/> treats its messages.</summary>
public sealed record BlobMailboxOptions
{
    /// <summary>How long a message stays locked without renewal: 15 to 60 seconds, the bounds of a blob lease. Default 30.</summary>
    public TimeSpan Lock { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>After so many deliveries a message is dead. Default 100: what cannot be used is put aside at once, so this is for receivers that end over a message, and some minutes of trouble must not use it up.</summary>
    public int MaxDeliveries { get; init; } = 100;

    /// <summary>How long the id of a completed message is remembered. Default 10 minutes.</summary>
    public TimeSpan DuplicateWindow { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>A mailbox in a blob container: a message is a blob whose name is its id, a lease is its lock.</summary>
/// <remarks>
/// Sending is put-if-absent, which a create-only credential can do. The delivery count is blob metadata, raised under the
/// lease before the body is handed out. A completed message is emptied in place and stays for the duplicate window, so that a
/// create-only sender learns of a duplicate too; the receiver removes it after that. A dead message moves to <c>dead/{id}</c>
/// with its reason. Whoever may create blobs here can create ones with other names; those are ignored. Receiving lists the
/// whole container, so this is meant for mailboxes that are drained, as all of ours are.
/// </remarks>
/// <param name="store">The storage.</param>
/// <param name="container">The mailbox's container.</param>
/// <param name="time">The clock of the duplicate window, which is compared with the storage's.</param>
/// <param name="options">How messages are treated.</param>
public sealed class BlobMailbox(IBlobStore store, string container, TimeProvider time, BlobMailboxOptions? options = null) : IMailbox
{
    private const string DeliveriesKey = "deliveries";
    private const string DoneKey = "done";
    private const string ReasonKey = "reason";
    private const string DeadPrefix = "dead/";

    // Messages taken at once: a round trip to far storage costs more than all of our work on a message.
    private const int Parallel = 8;

    private readonly BlobMailboxOptions _options = options ?? new BlobMailboxOptions();

    /// <inheritdoc/>
    public async Task<bool> SendAsync(MessageId id, byte[] body, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (body.Length > Frame.MaxBytes)
        {
            throw new FedCloudException(ErrorCodes.MessageTooLarge, $"expected at most {Frame.MaxBytes} bytes, found {body.Length}");
        }

        return await store.PutIfAbsentAsync(NameOf(id), BlobContent.Of(body), cancellation) is PutOutcome.Written;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ReceivedMessage>> ReceiveAsync(int max, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        List<(MessageId Id, DateTimeOffset Sent)> free = [];
        await foreach (BlobItem item in store.ListAsync(container, string.Empty, cancellation))
        {
            if (!MessageId.IsValid(item.Path) || item.Leased)
            {
                continue;
            }

            if (!item.Metadata.ContainsKey(DoneKey))
            {
                free.Add((new MessageId(item.Path), item.LastModified));
            }
            else if (time.GetUtcNow() - item.LastModified > _options.DuplicateWindow)
            {
                await store.DeleteAsync(new BlobName(container, item.Path), lease: null, cancellation);
            }
        }

        List<ReceivedMessage> received = [];
        IEnumerable<(MessageId Id, DateTimeOffset Sent)> oldestFirst = free.OrderBy(message => message.Sent).ThenBy(message => message.Id.Value, StringComparer.Ordinal);
        using IEnumerator<(MessageId Id, DateTimeOffset Sent)> next = oldestFirst.GetEnumerator();
        for (bool more = true; more && received.Count < max;)
        {
            List<Task<ReceivedMessage?>> takes = [];
            while (takes.Count < Math.Min(Parallel, max - received.Count) && (more = next.MoveNext()))
            {
                takes.Add(TakeAsync(next.Current.Id, next.Current.Sent, cancellation));
            }

            received.AddRange((await Task.WhenAll(takes)).OfType<ReceivedMessage>());
        }

        return received;
    }

    /// <inheritdoc/>
    public Task<bool> RenewAsync(ReceivedMessage message, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        return store.RenewLeaseAsync(NameOf(message.Id), message.Lock, cancellation);
    }

    /// <inheritdoc/>
    public async Task<bool> CompleteAsync(ReceivedMessage message, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        BlobContent done = BlobContent.Of([]).WithMetadata(Note(DoneKey, "1"));
        if (!await store.ReplaceLeasedAsync(NameOf(message.Id), done, message.Lock, cancellation))
        {
            return false;
        }

        // Done is done: a lease that is not given back ends by itself.
        await store.ReleaseLeaseAsync(NameOf(message.Id), message.Lock, cancellation);
        return true;
    }

    /// <inheritdoc/>
    public Task AbandonAsync(ReceivedMessage message, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        return store.ReleaseLeaseAsync(NameOf(message.Id), message.Lock, cancellation);
    }

    /// <inheritdoc/>
    public async Task<bool> DeadLetterAsync(ReceivedMessage message, string reason, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (!await store.RenewLeaseAsync(NameOf(message.Id), message.Lock, cancellation))
        {
            return false;
        }

        // The copy first: a crash in between leaves both, and the next delivery puts the message aside again.
        BlobContent content = BlobContent.Of(message.Body).WithMetadata(Note(ReasonKey, reason));
        await store.PutIfAbsentAsync(new BlobName(container, DeadPrefix + message.Id.Value), content, cancellation);
        return await CompleteAsync(message, cancellation);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DeadLetter>> ListDeadLettersAsync(CancellationToken cancellation)
    {
        List<DeadLetter> letters = [];
        await foreach (BlobItem item in store.ListAsync(container, DeadPrefix, cancellation))
        {
            string id = item.Path[DeadPrefix.Length..];
            if (MessageId.IsValid(id))
            {
                letters.Add(new DeadLetter(new MessageId(id), item.Metadata.GetValueOrDefault(ReasonKey, string.Empty)));
            }
        }

        return letters;
    }

    private static Dictionary<string, string> Note(string key, string value) => new(StringComparer.Ordinal) { [key] = value };

    private BlobName NameOf(MessageId id) => new(container, id.Value);

    private async Task<ReceivedMessage?> TakeAsync(MessageId id, DateTimeOffset sent, CancellationToken cancellation)
    {
        BlobName name = NameOf(id);
        if (await store.AcquireLeaseAsync(name, _options.Lock, cancellation) is not { } lease)
        {
            return null;
        }

        using BlobRead? read = await store.OpenReadAsync(name, 0, null, cancellation);
        if (read is null || read.Metadata.ContainsKey(DoneKey))
        {
            // Another receiver completed it between the list and our lease.
            await store.ReleaseLeaseAsync(name, lease, cancellation);
            return null;
        }

        int delivery = 1 + DeliveriesOf(read);
        if (read.BlobLength > Frame.MaxBytes)
        {
            await DeadLetterAsync(new ReceivedMessage(id, [], delivery, lease), ErrorCodes.MessageTooLarge.Name, cancellation);
            return null;
        }

        byte[] body = new byte[read.BlobLength];
        await read.Content.ReadExactlyAsync(body, cancellation);
        ReceivedMessage message = new(id, body, delivery, lease, sent);
        if (delivery > _options.MaxDeliveries)
        {
            await DeadLetterAsync(message, ErrorCodes.DeliveryLimit.Name, cancellation);
            return null;
        }

        return await store.SetMetadataAsync(name, Note(DeliveriesKey, delivery.ToString(CultureInfo.InvariantCulture)), lease, cancellation) ? message : null;
    }

    // The sender can write this note too; whatever is no count of ours counts as the limit.
    private int DeliveriesOf(BlobRead read) =>
        !read.Metadata.TryGetValue(DeliveriesKey, out string? text) ? 0
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int before) ? Math.Min(before, _options.MaxDeliveries)
        : _options.MaxDeliveries;
}
