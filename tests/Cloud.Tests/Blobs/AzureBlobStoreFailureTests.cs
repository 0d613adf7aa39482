// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using Azure;
using Azure.Core;
using Azure.Identity;
using Azure.Storage.Blobs;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>What the store on Azure's client does when the service refuses, is busy, or its answers are lost.</summary>
public sealed class AzureBlobStoreFailureTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly BlobName Name = new("rounds", "a/b");
    private static readonly BlobContent Content = BlobContent.Of("content"u8.ToArray());

    private readonly ManualTime _time = new();
    private readonly FakeBlobService _service;
    private readonly AzureBlobStore _store;

    public AzureBlobStoreFailureTests()
    {
        _service = new FakeBlobService(_time);
        _store = new AzureBlobStore(_service);
    }

    public Task InitializeAsync() => _store.EnsureContainerAsync(Name.Container, None);

    public Task DisposeAsync() => Task.CompletedTask;

    [Theory]
    [InlineData(403, "AuthorizationPermissionMismatch", "storage_denied")]
    [InlineData(401, "NoAuthenticationInformation", "storage_denied")]
    [InlineData(404, "ContainerNotFound", "container_missing")]
    [InlineData(408, "OperationTimedOut", "storage_unreachable")]
    [InlineData(429, "TooManyRequests", "storage_unreachable")]
    [InlineData(500, "InternalError", "storage_unreachable")]
    [InlineData(503, "ServerBusy", "storage_unreachable")]
    [InlineData(0, null, "storage_unreachable")]
    [InlineData(400, "InvalidHeaderValue", "storage_failed")]
    [InlineData(409, "ContainerBeingDeleted", "storage_failed")]
    public async Task Any_Failure_HasOurCode(int status, string? code, string expected)
    {
        _service.Before = (_, _) => throw new RequestFailedException(status, "the service's words", code, null);

        foreach (Func<Task> act in (Func<Task>[])
            [
                () => _store.PutIfAbsentAsync(Name, Content, None),
                () => _store.ReplaceIfMatchAsync(Name, Content, "\"0x1\"", None),
                () => _store.OpenReadAsync(Name, 0, null, None),
                () => _store.DeleteAsync(Name, null, None),
                () => _store.AcquireLeaseAsync(Name, TimeSpan.FromSeconds(15), None),
                () => _store.RenewLeaseAsync(Name, "lease", None),
                () => _store.SetMetadataAsync(Name, new Dictionary<string, string>(StringComparer.Ordinal), "lease", None),
                ListAsync,
            ])
        {
            FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(act);
            Assert.Equal(expected, error.Code.Name);
            Assert.DoesNotContain("words", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(412, "ConditionNotMet")]
    [InlineData(412, "LeaseLost")]
    [InlineData(409, "BlobAlreadyExists")]
    [InlineData(404, "BlobNotFound")]
    public async Task Write_ConditionFails_IsAValue(int status, string code)
    {
        _service.Before = (operation, _) => Throw(operation is not "properties", FakeBlobService.Failure(status, code));

        Assert.IsType<PutOutcome.ConditionFailed>(await _store.PutIfAbsentAsync(Name, Content, None));
        Assert.IsType<PutOutcome.ConditionFailed>(await _store.ReplaceIfMatchAsync(Name, Content, "\"0x1\"", None));
        Assert.False(await _store.ReplaceLeasedAsync(Name, Content, "lease", None));
        Assert.False(await _store.DeleteAsync(Name, "lease", None));
        Assert.False(await _store.RenewLeaseAsync(Name, "lease", None));
        Assert.Null(await _store.AcquireLeaseAsync(Name, TimeSpan.FromSeconds(20), None));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public async Task Put_AnswerLost_FindsItsOwnWrite(int singlePutBytes)
    {
        AzureBlobStore store = new(_service, new AzureBlobStoreOptions { SinglePutBytes = singlePutBytes, BlockBytes = 4 });
        if (singlePutBytes > 0)
        {
            _service.LosesAnswer = true;
        }
        else
        {
            _service.Before = (operation, _) => _service.LosesAnswer = operation is "commit";
        }

        PutOutcome.Written written = Assert.IsType<PutOutcome.Written>(await store.PutIfAbsentAsync(Name, Content, None));

        using BlobRead? read = await store.OpenReadAsync(Name, 0, null, None);
        Assert.Equal(read?.ETag, written.ETag);
        Assert.Matches("^\"0x[0-9A-F]+\"$", written.ETag);
    }

    [Fact]
    public async Task Replace_AnswerLostAndAnotherWroteMeanwhile_IsConditionFailed()
    {
        PutOutcome.Written first = Assert.IsType<PutOutcome.Written>(await _store.PutIfAbsentAsync(Name, Content, None));
        await _store.ReplaceIfMatchAsync(Name, BlobContent.Of("another"u8.ToArray()), first.ETag, None);
        _service.LosesAnswer = true;

        Assert.IsType<PutOutcome.ConditionFailed>(await _store.ReplaceIfMatchAsync(Name, Content, first.ETag, None));
    }

    [Fact]
    public async Task Put_TakenAndMayNotLook_CountsAsTaken()
    {
        await _store.PutIfAbsentAsync(Name, Content, None);
        _service.Before = (operation, _) => Throw(
            operation is "upload" or "properties", FakeBlobService.Failure(403, operation is "upload" ? "UnauthorizedBlobOverwrite" : "AuthorizationPermissionMismatch"));

        Assert.IsType<PutOutcome.ConditionFailed>(await _store.PutIfAbsentAsync(Name, Content, None));
        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => _store.ReplaceIfMatchAsync(Name, Content, "\"0x1\"", None));
        Assert.Equal(ErrorCodes.StorageDenied, error.Code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Put_TwoWritersByBlocks_NeverMix(bool otherCommits)
    {
        AzureBlobStore store = new(_service, new AzureBlobStoreOptions { SinglePutBytes = 0, BlockBytes = 4 });
        int commits = 0;
        Task<PutOutcome>? other = null;
        _service.Before = (operation, _) =>
        {
            commits += operation is "commit" ? 1 : 0;
            if (operation is "commit" && commits == 1)
            {
                other = store.PutIfAbsentAsync(Name, BlobContent.Of("another"u8.ToArray()), None);
            }
            else
            {
                Throw(operation is "commit" && !otherCommits, FakeBlobService.Failure(503, "ServerBusy"));
            }
        };

        PutOutcome outcome = await store.PutIfAbsentAsync(Name, Content, None);

        Assert.Equal(otherCommits, other is { IsCompletedSuccessfully: true });
        Assert.Equal(otherCommits, outcome is PutOutcome.ConditionFailed);
        Assert.Equal(otherCommits ? "another" : "content", Encoding.UTF8.GetString((await store.ReadAsync(Name, 100, None))?.Bytes ?? []));
    }

    [Theory]
    [InlineData(412, "ConditionNotMet", "storage_failed")]
    [InlineData(404, "BlobNotFound", "storage_failed")]
    [InlineData(503, "ServerBusy", "storage_unreachable")]
    [InlineData(403, "AuthenticationFailed", "storage_denied")]
    public async Task Read_FailsInTheMiddle_HasOurCode(int status, string code, string expected)
    {
        await _store.PutIfAbsentAsync(Name, Content, None);
        _service.Body = body => new BreakingStream(body, 3, FakeBlobService.Failure(status, code));

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => _store.ReadAsync(Name, 100, None));

        Assert.Equal(expected, error.Code.Name);
    }

    [Fact]
    public async Task Read_EndsEarly_IsNotTakenForTheWhole()
    {
        await _store.PutIfAbsentAsync(Name, Content, None);
        _service.Body = body => new BreakingStream(body, 3, null);

        using BlobRead? read = await _store.OpenReadAsync(Name, 0, null, None);
        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => new StreamReader(read?.Content ?? Stream.Null).ReadToEndAsync());

        Assert.Equal(ErrorCodes.StorageUnreachable, error.Code);
    }

    [Fact]
    public async Task Any_ClientGaveUp_IsUnreachable()
    {
        foreach (Exception error in (Exception[])
            [
                new AggregateException(new RequestFailedException("connection refused"), new IOException()),
                new TaskCanceledException("the client's own limit"),
                new HttpRequestException("no route"),
            ])
        {
            _service.Before = (_, _) => throw error;

            Assert.Equal(ErrorCodes.StorageUnreachable, (await Assert.ThrowsAsync<FedCloudException>(() => _store.PutIfAbsentAsync(Name, Content, None))).Code);
        }
    }

    [Fact]
    public async Task Put_FileGone_IsNotTheStoragesFault()
    {
        string path = Path.GetTempFileName();
        BlobContent content = BlobContent.OfFile(path);
        File.Delete(path);

        await Assert.ThrowsAsync<FileNotFoundException>(() => _store.PutIfAbsentAsync(Name, content, None));
    }

    [Fact]
    public async Task Any_NoToken_SaysSignInFailed()
    {
        _service.Before = (_, _) => throw new CredentialUnavailableException("no managed identity endpoint");

        Assert.Equal(ErrorCodes.SignInFailed, (await Assert.ThrowsAsync<FedCloudException>(() => _store.OpenReadAsync(Name, 0, null, None))).Code);
    }

    [Fact]
    public async Task Any_CallerCancels_IsCancelled()
    {
        using CancellationTokenSource stop = new();
        await stop.CancelAsync();
        _service.Before = (_, _) => throw new TaskCanceledException();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _store.PutIfAbsentAsync(Name, Content, stop.Token));
    }

    [Fact]
    public async Task List_SecondPageFails_HasOurCode()
    {
        foreach (string path in (string[])["a", "b", "c"])
        {
            await _store.PutIfAbsentAsync(new BlobName(Name.Container, path), Content, None);
        }

        _service.Before = (operation, _) => Throw(operation is "list page", FakeBlobService.Failure(503, "ServerBusy"));

        Assert.Equal(ErrorCodes.StorageUnreachable, (await Assert.ThrowsAsync<FedCloudException>(ListAsync)).Code);
    }

    private static void Throw(bool when, Exception error)
    {
        if (when)
        {
            throw error;
        }
    }

    private async Task ListAsync()
    {
        await foreach (BlobItem item in _store.ListAsync(Name.Container, string.Empty, None))
        {
            Assert.True(item.Length > 0);
        }
    }

    private sealed class BreakingStream(Stream body, int after, Exception? error) : MemoryStream
    {
        private int _given;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = body.Read(buffer.Span[..Math.Min(buffer.Length, after - _given)]);
            _given += read;
            return read > 0 || error is null ? ValueTask.FromResult(read) : ValueTask.FromException<int>(error);
        }
    }

    private sealed class NoToken : TokenCredential
    {
        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) => throw new CredentialUnavailableException("none");

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) => throw new CredentialUnavailableException("none");
    }
}
