// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Net;
using System.Text;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Errors;
using Xunit;
using static FedCloud.Cloud.Tests.Blobs.ScriptedHandler;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>What the REST store does when answers are late, lost or wrong; the network is a list of answers.</summary>
public sealed class RestBlobStoreRetryTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly BlobName Name = new("rounds", "a/b");
    private static readonly BlobContent Content = BlobContent.Of("content"u8.ToArray());

    private readonly ManualTime _time = new();

    [Fact]
    public async Task Put_BusyThenCreated_SendsTheWholeContentAgain()
    {
        ScriptedHandler network = new(Status(HttpStatusCode.ServiceUnavailable, "ServerBusy"), Broken, Status(HttpStatusCode.Created));
        using RestBlobStore store = Open(network);

        PutOutcome outcome = await store.PutIfAbsentAsync(Name, Content, None);

        Assert.Equal(new PutOutcome.Written("\"0x1\""), outcome);
        Assert.Equal(["content", "content", "content"], network.Requests.Select(request => Encoding.UTF8.GetString(request.Body)), StringComparer.Ordinal);
        Assert.Equal(2, _time.Waits.Count);
    }

    [Theory]
    [InlineData(HttpStatusCode.RequestTimeout)]
    [InlineData(HttpStatusCode.TooManyRequests)]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.BadGateway)]
    [InlineData(HttpStatusCode.ServiceUnavailable)]
    [InlineData(HttpStatusCode.GatewayTimeout)]
    public async Task Put_AlwaysBusy_GivesUpAfterFiveTries(HttpStatusCode status)
    {
        ScriptedHandler network = new(Status(status, "ServerBusy"));
        using RestBlobStore store = Open(network);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => store.PutIfAbsentAsync(Name, Content, None));

        Assert.Equal(ErrorCodes.StorageUnreachable, error.Code);
        Assert.Equal(5, network.Requests.Count);
    }

    [Theory]
    [InlineData(HttpStatusCode.Forbidden, "AuthorizationFailure", "storage_denied")]
    [InlineData(HttpStatusCode.Unauthorized, "NoAuthenticationInformation", "storage_denied")]
    [InlineData(HttpStatusCode.NotFound, "ContainerNotFound", "container_missing")]
    [InlineData(HttpStatusCode.BadRequest, "InvalidHeaderValue", "storage_failed")]
    [InlineData(HttpStatusCode.Conflict, "ContainerBeingDeleted", "storage_failed")]
    [InlineData(HttpStatusCode.Redirect, null, "storage_failed")]
    public async Task Put_OtherFailure_IsSaidAtOnce(HttpStatusCode status, string? code, string expected)
    {
        ScriptedHandler network = new(Status(status, code));
        using RestBlobStore store = Open(network);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => store.PutIfAbsentAsync(Name, Content, None));

        Assert.Equal(expected, error.Code.Name);
        Assert.Single(network.Requests);
    }

    [Fact]
    public async Task Put_NoAnswerInTime_IsTriedAgain()
    {
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedHandler network = new(Never(reached), Status(HttpStatusCode.Created));
        using RestBlobStore store = Open(network);

        Task<PutOutcome> put = store.PutIfAbsentAsync(Name, Content, None);
        await reached.Task;
        _time.Advance(TimeSpan.FromSeconds(31));

        Assert.IsType<PutOutcome.Written>(await put);
        Assert.Equal(2, network.Requests.Count);
    }

    [Fact]
    public async Task Put_Cancelled_IsCancelled()
    {
        using CancellationTokenSource stop = new();
        using RestBlobStore store = Open(new ScriptedHandler(Never(new TaskCompletionSource())));

        Task<PutOutcome> put = store.PutIfAbsentAsync(Name, Content, stop.Token);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => put);
    }

    [Fact]
    public async Task Put_AnswerLostAndOurWriteIsThere_IsWritten()
    {
        ScriptedHandler? network = null;
        network = new ScriptedHandler(
            Broken,
            Status(HttpStatusCode.Conflict, "BlobAlreadyExists"),
            (request, token) => Status(HttpStatusCode.OK, null, response => response.Headers.Add("x-ms-meta-writer", WriterOf(network, 0)))(request, token));
        using RestBlobStore store = Open(network);

        PutOutcome outcome = await store.PutIfAbsentAsync(Name, Content, None);

        Assert.Equal(new PutOutcome.Written("\"0x1\""), outcome);
        Assert.Equal(WriterOf(network, 0), WriterOf(network, 1));
        Assert.Equal("HEAD /account/rounds/a/b", network.Requests[2].Line);
    }

    [Fact]
    public async Task Put_AnswerLostAndAnothersWriteIsThere_IsConditionFailed()
    {
        ScriptedHandler network = new(
            Broken,
            Status(HttpStatusCode.PreconditionFailed, "ConditionNotMet"),
            Status(HttpStatusCode.OK, null, response => response.Headers.Add("x-ms-meta-writer", "another")));
        using RestBlobStore store = Open(network);

        Assert.IsType<PutOutcome.ConditionFailed>(await store.ReplaceIfMatchAsync(Name, Content, "\"0x0\"", None));
    }

    [Fact]
    public async Task Put_ConditionFailsAtFirstTry_AsksNothingMore()
    {
        ScriptedHandler network = new(Status(HttpStatusCode.Conflict, "BlobAlreadyExists"));
        using RestBlobStore store = Open(network);

        Assert.IsType<PutOutcome.ConditionFailed>(await store.PutIfAbsentAsync(Name, Content, None));
        Assert.Single(network.Requests);
    }

    [Fact]
    public async Task Delete_AnswerLost_CountsAsDeleted()
    {
        using RestBlobStore store = Open(new ScriptedHandler(Broken, Status(HttpStatusCode.NotFound, "BlobNotFound")));

        Assert.True(await store.DeleteAsync(Name, null, None));
    }

    [Fact]
    public async Task AcquireLease_AnswerLost_ProposesTheSameId()
    {
        ScriptedHandler network = new(Broken, Status(HttpStatusCode.Created));
        using RestBlobStore store = Open(network);

        string? lease = await store.AcquireLeaseAsync(Name, TimeSpan.FromSeconds(15), None);

        Assert.Equal([lease, lease], network.Requests.Select(request => request.Headers.GetValues("x-ms-proposed-lease-id").Single()), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Read_BodyFails_GoesOnWhereItBrokeOff(int flaw)
    {
        FlawedStream body = new("0123"u8.ToArray(), (FlawedStream.Flaw)flaw);
        ScriptedHandler network = new(
            Body(HttpStatusCode.OK, body, 10, 10),
            Body(HttpStatusCode.PartialContent, new MemoryStream("456789"u8.ToArray()), 6, 10, 4));
        using RestBlobStore store = Open(network);

        Task<(byte[] Bytes, string ETag)?> read = store.ReadAsync(Name, 100, None);
        await body.Reached.Task;
        if (flaw == (int)FlawedStream.Flaw.Stalls)
        {
            _time.Advance(TimeSpan.FromSeconds(31));
        }

        Assert.Equal("0123456789", Encoding.UTF8.GetString((await read)?.Bytes ?? []));
        Assert.Equal("bytes=4-9", network.Requests[1].Headers.Range?.ToString());
        Assert.Equal("\"0x1\"", network.Requests[1].Headers.IfMatch.ToString());
    }

    [Fact]
    public async Task Read_RangeBodyFails_AsksForTheRestOfTheRange()
    {
        ScriptedHandler network = new(
            Body(HttpStatusCode.PartialContent, new FlawedStream("23"u8.ToArray(), FlawedStream.Flaw.Breaks), 5, 10, 2),
            Body(HttpStatusCode.PartialContent, new MemoryStream("456"u8.ToArray()), 3, 10, 4));
        using RestBlobStore store = Open(network);

        using BlobRead? read = await store.OpenReadAsync(Name, 2, 5, None);
        using StreamReader reader = new(read?.Content ?? Stream.Null);

        Assert.Equal("23456", await reader.ReadToEndAsync());
        Assert.Equal("bytes=4-6", network.Requests[1].Headers.Range?.ToString());
    }

    [Fact]
    public async Task Read_BlobChangedMeanwhile_NeverMixesVersions()
    {
        ScriptedHandler network = new(
            Body(HttpStatusCode.OK, new FlawedStream("0123"u8.ToArray(), FlawedStream.Flaw.Breaks), 10, 10),
            Status(HttpStatusCode.PreconditionFailed, "ConditionNotMet"));
        using RestBlobStore store = Open(network);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => store.ReadAsync(Name, 100, None));

        Assert.Equal(ErrorCodes.StorageFailed, error.Code);
    }

    [Fact]
    public async Task Read_BodyFailsForEver_GivesUp()
    {
        Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> nothing = (request, token) =>
            Body(HttpStatusCode.PartialContent, new FlawedStream([], FlawedStream.Flaw.Ends), 6, 10, 4)(request, token);
        ScriptedHandler network = new(Body(HttpStatusCode.OK, new FlawedStream("0123"u8.ToArray(), FlawedStream.Flaw.Ends), 10, 10), nothing);
        using RestBlobStore store = Open(network);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => store.ReadAsync(Name, 100, None));

        Assert.Equal(ErrorCodes.StorageUnreachable, error.Code);
        Assert.Equal(5, network.Requests.Count);
    }

    [Fact]
    public async Task List_SeveralPages_FollowsMarkersAndDecodes()
    {
        const string First = """<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs><Blob><Name>a&amp;b</Name><Properties><Last-Modified>Fri, 20 Nov 2026 10:00:00 GMT</Last-Modified><Content-Length>7</Content-Length><LeaseState>leased</LeaseState></Properties><Metadata><Reason>x</Reason><done /></Metadata></Blob></Blobs><NextMarker>n/1 2</NextMarker></EnumerationResults>""";
        const string Second = """<EnumerationResults><Blobs>  <Blob><Name>c</Name><Properties><Content-Length>0</Content-Length><LeaseState>expired</LeaseState></Properties></Blob></Blobs><NextMarker /></EnumerationResults>""";
        ScriptedHandler network = new(Xml(First), Xml(Second));
        using RestBlobStore store = Open(network);

        List<BlobItem> items = await ListAsync(store);

        Assert.Equal(["a&b", "c"], items.Select(item => item.Path), StringComparer.Ordinal);
        Assert.Equal([(7L, true), (0L, false)], items.Select(item => (item.Length, item.Leased)));
        Assert.Equal(new DateTimeOffset(2026, 11, 20, 10, 0, 0, TimeSpan.Zero), items[0].LastModified);
        Assert.Equal(["done=", "reason=x"], items[0].Metadata.Select(pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.EndsWith("&prefix=p%2F&marker=n%2F1%202", network.Requests[1].Line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><EnumerationResults><Blobs><Blob><Name>&e;</Name></Blob></Blobs></EnumerationResults>""")]
    [InlineData("<!DOCTYPE x><EnumerationResults><Blobs /><NextMarker /></EnumerationResults>")]
    [InlineData("<EnumerationResults><Blobs>")]
    [InlineData("<EnumerationResults><Blobs><Blob><Properties><Content-Length>many</Content-Length></Properties></Blob></Blobs></EnumerationResults>")]
    [InlineData("a proxy's page")]
    public async Task List_NotAListing_Fails(string page)
    {
        using RestBlobStore store = Open(new ScriptedHandler(Xml(page)));

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => ListAsync(store));

        Assert.Equal(ErrorCodes.StorageFailed, error.Code);
    }

    [Fact]
    public async Task Failure_ForeignText_IsShortenedAndPrintable()
    {
        ScriptedHandler network = new(Status(HttpStatusCode.BadRequest, new string('A', 500) + "<b>", response => response.Headers.TryAddWithoutValidation("x-ms-request-id", "id\t\u001b[31m")));
        using RestBlobStore store = Open(network);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => store.OpenReadAsync(Name, 0, null, None));

        Assert.True(error.Message.Length < 400, error.Message);
        Assert.DoesNotContain('\u001b', error.Message);
        Assert.Contains("request id??", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bearer_Token_IsAskedForEachTry()
    {
        int asked = 0;
        ScriptedHandler network = new(Status(HttpStatusCode.ServiceUnavailable), Status(HttpStatusCode.Created));
        using RestBlobStore store = new(new Uri("https://storage.test/account"), new BearerCredential(_ => Task.FromResult($"token{++asked}")), network, _time);

        await store.PutIfAbsentAsync(Name, Content, None);

        Assert.Equal(["Bearer token1", "Bearer token2"], network.Requests.Select(request => request.Headers.Authorization?.ToString()), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Sas_NoTokenForContainer_IsDeniedWithoutARequest()
    {
        ScriptedHandler network = new(Status(HttpStatusCode.Created));
        using RestBlobStore store = new(new Uri("https://storage.test/account"), new SasCredential(ImmutableSortedDictionary<string, string>.Empty), network, _time);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => store.PutIfAbsentAsync(Name, Content, None));

        Assert.Equal(ErrorCodes.StorageDenied, error.Code);
        Assert.Empty(network.Requests);
    }

    private static Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> Xml(string text) =>
        Body(HttpStatusCode.OK, new MemoryStream(Encoding.UTF8.GetBytes(text)), Encoding.UTF8.GetByteCount(text), 0);

    private static string WriterOf(ScriptedHandler? network, int request) => network?.Requests[request].Headers.GetValues("x-ms-meta-writer").Single() ?? string.Empty;

    private static async Task<List<BlobItem>> ListAsync(RestBlobStore store)
    {
        List<BlobItem> items = [];
        await foreach (BlobItem item in store.ListAsync("rounds", "p/", None))
        {
            items.Add(item);
        }

        return items;
    }

    private RestBlobStore Open(ScriptedHandler network) =>
        new(new Uri("http://storage.test/account"), new SharedKeyCredential("account", Convert.ToBase64String(new byte[32])), network, _time);
}
