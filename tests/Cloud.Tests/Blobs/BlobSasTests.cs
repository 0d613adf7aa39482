// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Net;
using System.Text;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Tests.Azurite;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>That a silo's signatures open just what a silo may do, against the emulator.</summary>
[Collection(StorageTests.Name)]
public sealed class BlobSasTests(StorageFixture storage) : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _container = StorageFixture.NewContainer("up");
    private readonly RestBlobStore _owner = storage.Open();

    public async Task InitializeAsync()
    {
        await _owner.EnsureContainerAsync(_container, None);
        await _owner.PutIfAbsentAsync(Name("there"), Content("old"), None);
    }

    public Task DisposeAsync()
    {
        _owner.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Create_NewName_IsWrittenOnce()
    {
        using RestBlobStore silo = storage.OpenWith(_container, BlobSas.Create);

        Assert.IsType<PutOutcome.Written>(await silo.PutIfAbsentAsync(Name("new"), Content("update"), None));
        Assert.IsType<PutOutcome.ConditionFailed>(await silo.PutIfAbsentAsync(Name("new"), Content("another"), None));
        Assert.Equal("update", await TextAsync("new"));
    }

    [Fact]
    public async Task Create_AnythingElse_IsDenied()
    {
        using RestBlobStore silo = storage.OpenWith(_container, BlobSas.Create);
        PutOutcome.Written there = Assert.IsType<PutOutcome.Written>(await _owner.PutIfAbsentAsync(Name("mine"), Content("old"), None));

        await DeniedAsync("read", () => silo.OpenReadAsync(Name("there"), 0, null, None));
        await DeniedAsync("delete", () => silo.DeleteAsync(Name("there"), null, None));
        await DeniedAsync("lease", () => silo.AcquireLeaseAsync(Name("there"), TimeSpan.FromSeconds(15), None));
        await DeniedAsync("list", () => ListAsync(silo));
        await DeniedAsync("create", () => silo.EnsureContainerAsync(_container, None));
        await DeniedAsync("write", () => silo.ReplaceIfMatchAsync(Name("mine"), Content("new"), there.ETag, None));
        Assert.Equal("old", await TextAsync("mine"));
    }

    [Fact]
    public async Task Create_OverwriteWithoutCondition_ChangesNothing()
    {
        HttpStatusCode status = await RawPutAsync("there", BlobSas.Create, query: string.Empty);

        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Equal("old", await TextAsync("there"));
    }

    [Fact]
    public async Task Create_StagedBlock_IsDenied()
    {
        HttpStatusCode status = await RawPutAsync("staged", BlobSas.Create, query: "comp=block&blockid=" + Uri.EscapeDataString(Convert.ToBase64String(new byte[16])) + "&");

        Assert.Equal(HttpStatusCode.Forbidden, status);
    }

    [Fact]
    public async Task Read_AnythingElse_IsDenied()
    {
        using RestBlobStore silo = storage.OpenWith(_container, BlobSas.Read);

        Assert.Equal("old", Encoding.UTF8.GetString((await silo.ReadAsync(Name("there"), 10, None))?.Bytes ?? []));
        await DeniedAsync("create", () => silo.PutIfAbsentAsync(Name("new"), Content("x"), None));
        await DeniedAsync("delete", () => silo.DeleteAsync(Name("there"), null, None));
        await DeniedAsync("list", () => ListAsync(silo));
        await DeniedAsync("lease", () => silo.AcquireLeaseAsync(Name("there"), TimeSpan.FromSeconds(15), None));
    }

    [Fact]
    public async Task Signature_OtherContainer_OpensNothing()
    {
        string other = StorageFixture.NewContainer("other");
        await _owner.EnsureContainerAsync(other, None);
        await _owner.PutIfAbsentAsync(new BlobName(other, "secret"), Content("x"), None);
        SasCredential borrowed = new(ImmutableSortedDictionary<string, string>.Empty.Add(other, storage.Sas(_container, BlobSas.Mailbox)));
        using RestBlobStore silo = new(storage.Endpoint, borrowed);

        await DeniedAsync("read", () => silo.OpenReadAsync(new BlobName(other, "secret"), 0, null, None));
    }

    [Fact]
    public async Task Signature_Expired_IsDenied()
    {
        using RestBlobStore silo = storage.OpenWith(_container, BlobSas.Read, DateTimeOffset.UtcNow.AddMinutes(-1));

        await DeniedAsync("read", () => silo.OpenReadAsync(Name("there"), 0, null, None));
    }

    [Fact]
    public async Task Signature_BeforeItsStart_IsDenied()
    {
        string token = BlobSas.ForContainer(storage.Key, _container, BlobSas.Read, DateTimeOffset.UtcNow.AddHours(2), DateTimeOffset.UtcNow.AddHours(1));
        using RestBlobStore silo = new(storage.Endpoint, new SasCredential(ImmutableSortedDictionary<string, string>.Empty.Add(_container, token)));

        await DeniedAsync("read", () => silo.OpenReadAsync(Name("there"), 0, null, None));
    }

    [Fact]
    public async Task Signature_HttpsOnly_IsDeniedOverHttp()
    {
        string token = BlobSas.ForContainer(storage.Key, _container, BlobSas.Read, DateTimeOffset.UtcNow.AddHours(2), httpsOnly: true);
        using RestBlobStore silo = new(storage.Endpoint, new SasCredential(ImmutableSortedDictionary<string, string>.Empty.Add(_container, token)));

        await DeniedAsync("read", () => silo.OpenReadAsync(Name("there"), 0, null, None));
    }

    [Fact]
    public async Task Signature_MorePermissionsWrittenIn_IsDenied()
    {
        string token = storage.Sas(_container, BlobSas.Create).Replace("sp=c&", "sp=r&", StringComparison.Ordinal);
        using RestBlobStore silo = new(storage.Endpoint, new SasCredential(ImmutableSortedDictionary<string, string>.Empty.Add(_container, token)));

        await DeniedAsync("read", () => silo.OpenReadAsync(Name("there"), 0, null, None));
    }

    [Fact]
    public async Task SharedKey_WrongKey_IsDenied()
    {
        using RestBlobStore stranger = new(storage.Endpoint, new SharedKeyCredential(storage.Key.Account, Convert.ToBase64String(new byte[64])));

        await DeniedAsync("read", () => stranger.OpenReadAsync(Name("there"), 0, null, None));
    }

    [Fact]
    public void Credential_ToString_ShowsNoSecret()
    {
        string token = storage.Sas(_container, BlobSas.Read);
        SasCredential credential = new(ImmutableSortedDictionary<string, string>.Empty.Add(_container, token));

        Assert.Contains(_container, credential.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("sig=", credential.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Eby8", storage.Key.ToString(), StringComparison.Ordinal);
    }

    private static async Task DeniedAsync(string right, Func<Task> act)
    {
        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(act);

        Assert.Equal(ErrorCodes.StorageDenied, error.Code);
        Assert.Contains($"the right to {right}", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("sig=", error.ToString(), StringComparison.Ordinal);
    }

    private async Task ListAsync(RestBlobStore store)
    {
        await foreach (BlobItem item in store.ListAsync(_container, string.Empty, None))
        {
            Assert.Fail($"found {item.Path}");
        }
    }

    private async Task<HttpStatusCode> RawPutAsync(string path, string permissions, string query)
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Put, $"{storage.Endpoint}/{_container}/{path}?{query}{storage.Sas(_container, permissions)}") { Content = new ByteArrayContent([1]) };
        request.Headers.Add("x-ms-blob-type", "BlockBlob");
        using HttpResponseMessage response = await http.SendAsync(request);
        return response.StatusCode;
    }

    private static BlobContent Content(string text) => BlobContent.Of(Encoding.UTF8.GetBytes(text));

    private BlobName Name(string path) => new(_container, path);

    private async Task<string?> TextAsync(string path) => await _owner.ReadAsync(Name(path), 100, None) is { } read ? Encoding.UTF8.GetString(read.Bytes) : null;
}
