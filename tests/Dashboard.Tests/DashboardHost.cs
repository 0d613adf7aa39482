// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Api;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Simulation.Tests.Whole;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace FedCloud.Dashboard.Tests;

/// <summary>The coordinator's API and its dashboard over HTTP, on a federation in memory whose run is over.</summary>
internal sealed class DashboardHost : IAsyncDisposable
{
    /// <summary>The token of somebody who reads.</summary>
    public const string Auditor = "auditor-token";

    /// <summary>The token of somebody who runs the federation, too.</summary>
    public const string Operator = "operator-token";

    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    private readonly string _scratch = Directory.CreateTempSubdirectory("dashboard").FullName;
    private CoordinatorService? _coordinator;
    private WebApplication? _web;
    private int _port;

    private DashboardHost(WholeFederation federation) => Federation = federation;

    /// <summary>The federation.</summary>
    public WholeFederation Federation { get; }

    /// <summary>The run.</summary>
    public RunId Job => Federation.Config.Job;

    /// <summary>Where the dashboard is.</summary>
    public Uri Address => new($"http://127.0.0.1:{_port}{DashboardFiles.Path}");

    /// <summary>Runs a federation of four silos for two rounds under secure aggregation, and shows it.</summary>
    /// <param name="config">The plan; without one there is no claim about privacy.</param>
    public static async Task<DashboardHost> StartAsync(RunConfig? config = null)
    {
        DashboardHost host = new(new WholeFederation(6, Calm, silos: 4, config ?? WholeScheduleTests.SecureConfig(rounds: 2, quorum: 3, "ffa_lora")));
        await host.Federation.RunAsync();
        await host.Federation.StopAsync();
        await host.ServeAsync();
        return host;
    }

    /// <summary>Goes away, as a coordinator does that is restarted.</summary>
    public async Task StopAsync()
    {
        if (_web is not null)
        {
            await _web.DisposeAsync();
            await _coordinator!.DisposeAsync();
            (_web, _coordinator) = (null, null);
        }
    }

    /// <summary>Comes back, on the same port.</summary>
    public async Task ServeAsync()
    {
        CoordinatorOptions options = new() { Federation = Federation.Config.Federation, Scratch = _scratch, InBackground = false };
        CoordinatorService coordinator = _coordinator = new CoordinatorService(Federation.Store, new BlobMailboxes(Federation.Store, Federation.Time), Federation.Vault, Federation.Time, options, Federation);
        await coordinator.StartAsync(CancellationToken.None);
        ApiRoutes routes = new(coordinator.Work, new ModelShelf(Federation.Store, Federation.Config.Federation), _scratch, (_, _, _) => throw new InvalidOperationException("nobody is invited here"));
        ApiEndpoint api = new(routes, RolesOf);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{_port}");
        WebApplication web = _web = builder.Build();
        web.MapGet($"{DashboardFiles.Path}/{{*file}}", DashboardFiles.Answer);
        web.Map("/api/{**path}", (Delegate)((HttpContext http) => api.AnswerAsync(http)));
        await web.StartAsync();
        _port = new Uri(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Federation.DisposeAsync();
        Directory.Delete(_scratch, recursive: true);
    }

    private static ApiRoles RolesOf(HttpContext http) => http.Request.Headers.Authorization.ToString() switch
    {
        $"Bearer {Auditor}" => ApiRoles.Auditor,
        $"Bearer {Operator}" => ApiRoles.Auditor | ApiRoles.Operator,
        _ => ApiRoles.None,
    };
}
