// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Net;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Tests.Azurite;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>The whole table of what a silo's signatures open and do not open (docs/storage.md), against the emulator.</summary>
[Collection(StorageTests.Name)]
public sealed class SiloRightsTests(StorageFixture storage) : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    // What the coordinator gives a silo, and what "+" marks: g get, l list, c create, o overwrite, d delete, t take a lease, b stage a block.
    private static readonly (string Container, string? Permissions, string May)[] Table =
    [
        ("up-own", BlobSas.Create, "c"),
        ("mail-own", BlobSas.Mailbox, "glcodtb"),
        ("mail-coordinator", BlobSas.Create, "c"),
        ("down-own", BlobSas.Read, "g"),
        ("models", BlobSas.Read, "g"),
        ("log", BlobSas.Read, "g"),
        ("log-head", BlobSas.Read, "g"),
        ("up-other", null, ""),
        ("mail-other", null, ""),
        ("down-other", null, ""),
        ("mail-audit", null, ""),
        ("rounds", null, ""),
        ("state", null, ""),
    ];

    private readonly string _suffix = Guid.NewGuid().ToString("N")[..12];
    private readonly RestBlobStore _owner = storage.Open();

    public static TheoryData<string, string> Cells()
    {
        TheoryData<string, string> cells = [];
        foreach ((string container, _, _) in Table)
        {
            foreach (char act in "glcodtb")
            {
                cells.Add(container, act.ToString());
            }
        }

        return cells;
    }

    public async Task InitializeAsync()
    {
        foreach ((string container, _, _) in Table)
        {
            await _owner.EnsureContainerAsync(Real(container), None);
            await _owner.PutIfAbsentAsync(There(container), BlobContent.Of("there"u8.ToArray()), None);
        }
    }

    public Task DisposeAsync()
    {
        _owner.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Silo_EachActOnEachContainer_IsAsTheTableSays(string container, string act)
    {
        bool may = Table.Single(row => string.Equals(row.Container, container, StringComparison.Ordinal)).May.Contains(act, StringComparison.Ordinal);

        // With the signature for that container, or else with any that the silo has.
        foreach (string token in TokensFor(container))
        {
            Assert.Equal(may, await MayAsync(container, act[0], token));
        }

        if (!may)
        {
            Assert.Equal("there"u8.ToArray(), (await _owner.ReadAsync(There(container), 100, None))?.Bytes);
        }
    }

    [Fact]
    public async Task Silo_ItsOwnUpload_IsOutOfItsHands()
    {
        using RestBlobStore silo = new(storage.Endpoint, new SasCredential(ImmutableSortedDictionary<string, string>.Empty.Add(Real("up-own"), storage.Sas(Real("up-own"), BlobSas.Create))));
        BlobName update = new(Real("up-own"), "job/1/update-0");
        PutOutcome.Written written = Assert.IsType<PutOutcome.Written>(await silo.PutIfAbsentAsync(update, BlobContent.Of("update"u8.ToArray()), None));

        Assert.IsType<PutOutcome.ConditionFailed>(await silo.PutIfAbsentAsync(update, BlobContent.Of("second thoughts"u8.ToArray()), None));
        foreach (Func<Task> regret in (Func<Task>[])
            [
                () => silo.ReplaceIfMatchAsync(update, BlobContent.Of("second thoughts"u8.ToArray()), written.ETag, None),
                () => silo.OpenReadAsync(update, 0, null, None),
                () => silo.DeleteAsync(update, lease: null, None),
                () => silo.AcquireLeaseAsync(update, TimeSpan.FromSeconds(15), None),
            ])
        {
            Assert.Equal(ErrorCodes.StorageDenied, (await Assert.ThrowsAsync<FedCloudException>(regret)).Code);
        }

        Assert.Equal("update"u8.ToArray(), (await _owner.ReadAsync(update, 100, None))?.Bytes);
    }

    private string Real(string container) => $"{container}-{_suffix}";

    private BlobName There(string container) => new(Real(container), "there");

    private IEnumerable<string> TokensFor(string container) => Table.Single(row => string.Equals(row.Container, container, StringComparison.Ordinal)).Permissions is { } permissions
        ? [storage.Sas(Real(container), permissions)]
        : Table.Where(row => row.Permissions is not null).Select(row => storage.Sas(Real(row.Container), row.Permissions ?? string.Empty));

    // As plain requests, so that nothing of ours stands between the signature and the service.
    private async Task<bool> MayAsync(string container, char act, string token)
    {
        string there = $"{storage.Endpoint}/{Real(container)}/there";
        string fresh = $"{storage.Endpoint}/{Real(container)}/new-{Guid.NewGuid():N}";
        string block = Uri.EscapeDataString(Convert.ToBase64String(new byte[16]));
        using HttpRequestMessage request = act switch
        {
            'g' => new HttpRequestMessage(HttpMethod.Get, $"{there}?{token}"),
            'l' => new HttpRequestMessage(HttpMethod.Get, $"{storage.Endpoint}/{Real(container)}?restype=container&comp=list&{token}"),
            'c' => Put($"{fresh}?{token}"),
            'o' => Put($"{there}?{token}"),
            'd' => new HttpRequestMessage(HttpMethod.Delete, $"{there}?{token}"),
            't' => Lease($"{there}?comp=lease&{token}"),
            _ => new HttpRequestMessage(HttpMethod.Put, $"{fresh}?comp=block&blockid={block}&{token}") { Content = new ByteArrayContent([1]) },
        };
        using HttpClient http = new();
        using HttpResponseMessage response = await http.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.Forbidden, $"{act} on {container}: {response.StatusCode}");
        return response.IsSuccessStatusCode;
    }

    private static HttpRequestMessage Put(string address)
    {
        HttpRequestMessage request = new(HttpMethod.Put, address) { Content = new ByteArrayContent([1]) };
        request.Headers.Add("x-ms-blob-type", "BlockBlob");
        return request;
    }

    private static HttpRequestMessage Lease(string address)
    {
        HttpRequestMessage request = new(HttpMethod.Put, address);
        request.Headers.Add("x-ms-lease-action", "acquire");
        request.Headers.Add("x-ms-lease-duration", "15");
        return request;
    }
}
