// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net;
using Azure.Identity;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Credentials;
using FedCloud.Cloud.Tests.Blobs;
using FedCloud.Protocol.Errors;
using Xunit;
using static FedCloud.Cloud.Tests.Blobs.ScriptedHandler;

namespace FedCloud.Cloud.Tests.Credentials;

/// <summary>Tokens of an identity, and the portable store that sends them.</summary>
public sealed class EntraTokenTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly BlobName Name = new("rounds", "a/b");

    private readonly ManualTime _time = new();
    private readonly FakeTokenCredential _identity;

    public EntraTokenTests() => _identity = new FakeTokenCredential(_time, TimeSpan.FromMinutes(60));

    [Fact]
    public async Task Get_UntilFiveMinutesBeforeTheEnd_IsTheSameToken()
    {
        using EntraToken token = new(_identity, EntraToken.StorageScope, _time);

        Assert.Equal("token1", await token.GetAsync(None));
        _time.Advance(TimeSpan.FromMinutes(55) - TimeSpan.FromSeconds(1));
        Assert.Equal("token1", await token.GetAsync(None));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("token2", await token.GetAsync(None));
        Assert.Equal(["https://storage.azure.com/.default"], _identity.Scopes, StringComparer.Ordinal);
    }

    [Fact]
    public async Task Get_ManyAtOnce_AsksOnce()
    {
        TaskCompletionSource go = new();
        _identity.Before = () => go.Task;
        using EntraToken token = new(_identity, EntraToken.StorageScope, _time);

        Task<string>[] callers = [.. Enumerable.Range(0, 8).Select(_ => token.GetAsync(None))];
        go.SetResult();

        Assert.All(await Task.WhenAll(callers), text => Assert.Equal("token1", text));
        Assert.Equal(1, _identity.Asked);
    }

    [Fact]
    public async Task Get_NoToken_SaysSignInFailedAndAsksAgainLater()
    {
        _identity.Before = () => throw new CredentialUnavailableException("no managed identity here");
        using EntraToken token = new(_identity, EntraToken.StorageScope, _time);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => token.GetAsync(None));

        Assert.Equal(ErrorCodes.SignInFailed, error.Code);
        Assert.True(ErrorCodes.IsOperational(error.Code));
        _identity.Before = () => Task.CompletedTask;
        Assert.Equal("token2", await token.GetAsync(None));
    }

    [Fact]
    public async Task RestStore_WithAnIdentity_SendsTokenAndVersion()
    {
        ScriptedHandler network = new(Status(HttpStatusCode.Created));
        using RestBlobStore store = new(new Uri("https://account.blob.core.windows.net"), BearerCredential.Of(_identity, _time), network, _time);

        await store.PutIfAbsentAsync(Name, BlobContent.Of([1]), None);
        await store.PutIfAbsentAsync(Name, BlobContent.Of([1]), None);

        Assert.Equal(["Bearer token1", "Bearer token1"], network.Requests.Select(request => request.Headers.Authorization?.ToString()), StringComparer.Ordinal);
        Assert.All(network.Requests, request => Assert.Equal(RestBlobStore.ApiVersion, request.Headers.GetValues("x-ms-version").Single()));
    }

    [Fact]
    public async Task RestStore_IdentityOverPlainHttp_SendsNothing()
    {
        ScriptedHandler network = new(Status(HttpStatusCode.Created));
        using RestBlobStore store = new(new Uri("http://account.blob.core.windows.net"), BearerCredential.Of(_identity, _time), network, _time);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => store.PutIfAbsentAsync(Name, BlobContent.Of([1]), None));

        Assert.Equal(ErrorCodes.StorageDenied, error.Code);
        Assert.Empty(network.Requests);
        Assert.Equal(0, _identity.Asked);
    }
}
