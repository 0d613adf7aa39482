// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace FedCloud.Cloud.Blobs;

/// <summary>When a write is allowed.</summary>
/// <param name="IfAbsent">Only where there is no blob.</param>
/// <param name="IfMatch">Only over the blob with this ETag.</param>
/// <param name="Lease">Only under this lease.</param>
internal sealed record WriteCondition(bool IfAbsent = false, string? IfMatch = null, string? Lease = null)
{
    /// <summary>The right that such a write needs.</summary>
    public string Right => IfAbsent ? "create" : "write";

    /// <summary>Says it in a request.</summary>
    public void ApplyTo(HttpRequestMessage request)
    {
        if (IfAbsent)
        {
            request.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any);
        }

        if (IfMatch is not null)
        {
            request.Headers.IfMatch.Add(EntityTagHeaderValue.Parse(IfMatch));
        }

        if (Lease is not null)
        {
            request.Headers.Add("x-ms-lease-id", Lease);
        }
    }
}

/// <summary>One conditional write: in one request, or by staged blocks.</summary>
/// <param name="requests">Sends.</param>
/// <param name="address">The blob's address.</param>
/// <param name="name">The blob.</param>
/// <param name="content">What is written.</param>
/// <param name="condition">When it is allowed.</param>
internal sealed class BlobWriter(StorageRequests requests, string address, BlobName name, BlobContent content, WriteCondition condition)
{
    private const string WriterHeader = "x-ms-meta-writer";

    private readonly string _writer = Guid.NewGuid().ToString("N");
    private int _commits;

    /// <summary>Writes everything in one request ("Put Blob", at most 5,000 MiB; learn.microsoft.com).</summary>
    public async Task<PutOutcome> PutWholeAsync(CancellationToken cancellation)
    {
        using HttpResponseMessage response = await requests.SendAsync(
            name.Container,
            content.Length,
            () =>
            {
                HttpRequestMessage request = new(HttpMethod.Put, address) { Content = new StreamContent(content.Open()) };
                request.Content.Headers.ContentLength = content.Length;
                request.Headers.Add("x-ms-blob-type", "BlockBlob");
                return Commit(request);
            },
            cancellation);
        return await OutcomeAsync(response, cancellation);
    }

    /// <summary>Writes by staged blocks; nobody sees the blob before the last request ("Put Block", "Put Block List"; learn.microsoft.com).</summary>
    /// <remarks>Block ids are random, so that two writers never mix blocks: who commits first wins, and the storage drops the other's.</remarks>
    public async Task<PutOutcome> PutBlocksAsync(int blockBytes, CancellationToken cancellation)
    {
        if (condition.IfAbsent && await HeadAsync(cancellation) is { } there)
        {
            there.Dispose();
            return new PutOutcome.ConditionFailed();
        }

        StringBuilder list = new("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        await using Stream source = content.Open();
        byte[] block = new byte[Math.Min(blockBytes, content.Length)];
        for (long left = content.Length; left > 0;)
        {
            int count = (int)Math.Min(block.Length, left);
            await source.ReadExactlyAsync(block.AsMemory(0, count), cancellation);
            string id = Convert.ToBase64String(Guid.NewGuid().ToByteArray());
            using HttpResponseMessage staged = await requests.SendAsync(name.Container, count, () => Stage(id, new ByteArrayContent(block, 0, count)), cancellation);
            if (staged.StatusCode != HttpStatusCode.Created)
            {
                return await OutcomeAsync(staged, cancellation);
            }

            list.Append("<Latest>").Append(id).Append("</Latest>");
            left -= count;
        }

        byte[] body = Encoding.UTF8.GetBytes(list.Append("</BlockList>").ToString());
        using HttpResponseMessage response = await requests.SendAsync(
            name.Container,
            body.Length,
            () => Commit(new HttpRequestMessage(HttpMethod.Put, address + "?comp=blocklist") { Content = new ByteArrayContent(body) }),
            cancellation);
        return await OutcomeAsync(response, cancellation);
    }

    private HttpRequestMessage Stage(string id, ByteArrayContent block)
    {
        HttpRequestMessage request = new(HttpMethod.Put, $"{address}?comp=block&blockid={Uri.EscapeDataString(id)}") { Content = block };
        if (condition.Lease is not null)
        {
            request.Headers.Add("x-ms-lease-id", condition.Lease);
        }

        return request;
    }

    private HttpRequestMessage Commit(HttpRequestMessage request)
    {
        _commits++;
        request.Headers.Add("x-ms-blob-content-type", "application/octet-stream");
        request.Headers.Add(WriterHeader, _writer);
        foreach ((string key, string value) in content.Metadata)
        {
            request.Headers.Add("x-ms-meta-" + key, value);
        }

        condition.ApplyTo(request);
        return request;
    }

    private async Task<PutOutcome> OutcomeAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.StatusCode == HttpStatusCode.Created)
        {
            return new PutOutcome.Written(StorageRequests.ETagOf(response));
        }

        if (!StorageRequests.IsConditionFailed(response) && !(condition.IfAbsent && requests.IsOverwriteDenied(response, name.Container)))
        {
            throw StorageRequests.Failure(response, condition.Right, name.ToString());
        }

        // After a retry the condition may have failed on our own first write, whose answer was lost. A credential that may
        // only create cannot look; then the name counts as taken, and the caller takes the next one.
        return _commits > 1 && requests.MayLook(name.Container) && await WrittenByUsAsync(cancellation) is { } etag
            ? new PutOutcome.Written(etag)
            : new PutOutcome.ConditionFailed();
    }

    private async Task<string?> WrittenByUsAsync(CancellationToken cancellation)
    {
        using HttpResponseMessage? there = await HeadAsync(cancellation);
        return there is not null && there.Headers.TryGetValues(WriterHeader, out IEnumerable<string>? values) && values.Contains(_writer, StringComparer.Ordinal)
            ? StorageRequests.ETagOf(there)
            : null;
    }

    private async Task<HttpResponseMessage?> HeadAsync(CancellationToken cancellation)
    {
        HttpResponseMessage response = await requests.SendAsync(name.Container, 0, () => new HttpRequestMessage(HttpMethod.Head, address), cancellation);
        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        response.Dispose();
        return null;
    }
}
