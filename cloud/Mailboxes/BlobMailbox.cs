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

    /// <summary>After so many deliveries a message is dead. Default 10.</summary>
    public int MaxDeliveries { get; init; } = 10;

    /// <summary>How long the id of a completed message is remembered. Default 10 minutes.</summary>
    public TimeSpan DuplicateWindow { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>A mailbox in a blob container: a message is a blob whose name is its id, a lease is its lock.</summary>
/// <remarks>
/// Sending is put-if-absent, which a create-only credential can do. The delivery count is blob metadata, raised under the
/// lease before the body is handed out. A completed message leaves an empty blob <c>done/{id}</c> for the duplicate window;
/// a dead one moves to <c>dead/{id}</c> with its reason. Receiving lists the container, so it is meant for mailboxes that are
/// drained, as all of ours are.
/// </remarks>
/// <param name="store">The storage.</param>
/// <param name="container">The mailbox's container.</param>
/// <param name="time">The clock of the duplicate window.</param>
/// <param name="options">How messages are treated.</param>
public sealed class BlobMailbox(IBlobStore store, string container, TimeProvider time, BlobMailboxOptions? options = null) : IMailbox
{
    private const string DeliveriesKey = "deliveries";
    private const string ReasonKey = "reason";
    private const string DonePrefix = "done/";
    private const string DeadPrefix = "dead/";

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
        List<(MessageId Id, DateTimeOffset Sent)> free = [];
        HashSet<string> done = new(StringComparer.Ordinal);
        await foreach (BlobItem item in store.ListAsync(container, string.Empty, cancellation))
        {
            if (item.Path.StartsWith(DonePrefix, StringComparison.Ordinal))
            {
                done.Add(item.Path[DonePrefix.Length..]);
                if (time.GetUtcNow() - item.LastModified > _options.DuplicateWindow)
                {
                    await store.DeleteAsync(new BlobName(container, item.Path), lease: null, cancellation);
                }
            }
            else if (MessageId.IsValid(item.Path) && !item.Leased)
            {
                free.Add((new MessageId(item.Path), item.LastModified));
            }
        }

        List<ReceivedMessage> received = [];
        foreach ((MessageId id, _) in free.OrderBy(message => message.Sent).ThenBy(message => message.Id.Value, StringComparer.Ordinal))
        {
            if (received.Count == max)
            {
                break;
            }

            if (await TakeAsync(id, done.Contains(id.Value), cancellation) is { } message)
            {
                received.Add(message);
            }
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
        if (!await store.RenewLeaseAsync(NameOf(message.Id), message.Lock, cancellation))
        {
            return false;
        }

        await store.PutIfAbsentAsync(new BlobName(container, DonePrefix + message.Id.Value), BlobContent.Of([]), cancellation);
        return await store.DeleteAsync(NameOf(message.Id), message.Lock, cancellation);
    }

    /// <inheritdoc/>
    public Task AbandonAsync(ReceivedMessage message, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        return store.ReleaseLeaseAsync(NameOf(message.Id), message.Lock, cancellation);
    }

    /// <inheritdoc/>
    public async Task DeadLetterAsync(ReceivedMessage message, string reason, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        BlobName dead = new(container, DeadPrefix + message.Id.Value);
        await store.PutIfAbsentAsync(dead, BlobContent.Of(message.Body), cancellation);
        if (await store.AcquireLeaseAsync(dead, TimeSpan.FromSeconds(15), cancellation) is { } lease)
        {
            await store.SetMetadataAsync(dead, new Dictionary<string, string>(StringComparer.Ordinal) { [ReasonKey] = reason }, lease, cancellation);
            await store.ReleaseLeaseAsync(dead, lease, cancellation);
        }

        await store.DeleteAsync(NameOf(message.Id), message.Lock, cancellation);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DeadLetter>> ListDeadLettersAsync(CancellationToken cancellation)
    {
        List<DeadLetter> letters = [];
        await foreach (BlobItem item in store.ListAsync(container, DeadPrefix, cancellation))
        {
            using BlobRead? read = await store.OpenReadAsync(new BlobName(container, item.Path), 0, null, cancellation);
            string id = item.Path[DeadPrefix.Length..];
            if (read is not null && MessageId.IsValid(id))
            {
                letters.Add(new DeadLetter(new MessageId(id), read.Metadata.GetValueOrDefault(ReasonKey, string.Empty)));
            }
        }

        return letters;
    }

    private BlobName NameOf(MessageId id) => new(container, id.Value);

    private async Task<ReceivedMessage?> TakeAsync(MessageId id, bool isDuplicate, CancellationToken cancellation)
    {
        BlobName name = NameOf(id);
        if (await store.AcquireLeaseAsync(name, _options.Lock, cancellation) is not { } lease)
        {
            return null;
        }

        if (isDuplicate)
        {
            await store.DeleteAsync(name, lease, cancellation);
            return null;
        }

        using BlobRead? read = await store.OpenReadAsync(name, 0, null, cancellation);
        if (read is null)
        {
            return null;
        }

        int delivery = 1 + (int.TryParse(read.Metadata.GetValueOrDefault(DeliveriesKey), NumberStyles.None, CultureInfo.InvariantCulture, out int before) ? before : 0);
        if (read.BlobLength > Frame.MaxBytes)
        {
            await DeadLetterAsync(new ReceivedMessage(id, [], delivery, lease), ErrorCodes.MessageTooLarge.Name, cancellation);
            return null;
        }

        byte[] body = new byte[read.BlobLength];
        await read.Content.ReadExactlyAsync(body, cancellation);
        ReceivedMessage message = new(id, body, delivery, lease);
        if (delivery > _options.MaxDeliveries)
        {
            await DeadLetterAsync(message, ErrorCodes.LockLost.Name, cancellation);
            return null;
        }

        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { [DeliveriesKey] = delivery.ToString(CultureInfo.InvariantCulture) };
        return await store.SetMetadataAsync(name, metadata, lease, cancellation) ? message : null;
    }
}
