// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Api;
using FedCloud.Cli.Azurite;
using FedCloud.Cli.Processes;
using Xunit;

namespace FedCloud.EndToEnd.Tests;

/// <summary>Storage and the local coordinator as processes, for tests that talk to them.</summary>
public sealed class LocalCoordinator : IAsyncLifetime
{
    public const string Token = "a-token-that-only-these-tests-use";

    private AzuriteProcess? _storage;
    private ChildProcess? _host;

    public string Folder { get; } = Directory.CreateTempSubdirectory("coordinator").FullName;

    public Uri Address { get; private set; } = new("http://127.0.0.1:1");

    public CoordinatorClient Client { get; private set; } = null!;

    /// <summary>Further variables.</summary>
    internal IReadOnlyDictionary<string, string?> More { get; init; } = new Dictionary<string, string?>(StringComparer.Ordinal);

    /// <summary>What the coordinator is started with; a test changes what it is about.</summary>
    public Dictionary<string, string?> Settings => new(More, StringComparer.Ordinal)
    {
        ["FEDCLOUD_FEDERATION"] = "test-federation",
        ["FEDCLOUD_DATA"] = Path.Combine(Folder, "data"),
        ["FEDCLOUD_STORAGE"] = _storage?.Endpoint.AbsoluteUri,
        ["FEDCLOUD_STORAGE_ACCOUNT"] = AzuriteProcess.Account,
        ["FEDCLOUD_STORAGE_KEY"] = AzuriteProcess.Key,
        ["FEDCLOUD_TOKEN"] = Token,
        ["FEDCLOUD_PORT"] = "0",
        ["FEDCLOUD_STOP_WITH_INPUT"] = null,
    };

    public async Task InitializeAsync()
    {
        _storage = await AzuriteProcess.StartAsync(Path.Combine(Folder, "storage"), _ => { }, CancellationToken.None);
        TaskCompletionSource<Uri> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _host = ChildProcess.Start("coordinator", Programs.LocalHost, [], Settings, Path.Combine(Folder, "coordinator.log"), line =>
        {
            if (line.StartsWith("ready ", StringComparison.Ordinal))
            {
                ready.TrySetResult(new Uri(line["ready ".Length..]));
            }
        });
        Task exited = _host.WaitAsync(CancellationToken.None);
        Assert.True(await Task.WhenAny(ready.Task, exited) == ready.Task, $"the coordinator ended: {await File.ReadAllTextAsync(Path.Combine(Folder, "coordinator.log"))}");
        Address = await ready.Task;
        Client = new CoordinatorClient(Address, Token);
    }

    public async Task DisposeAsync()
    {
        Client?.Dispose();
        foreach (IAsyncDisposable process in new IAsyncDisposable?[] { _host, _storage }.OfType<IAsyncDisposable>())
        {
            await process.DisposeAsync();
        }

        Directory.Delete(Folder, recursive: true);
    }
}
