// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Api;
using FedCloud.Api.Events;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Storage;
using FedCloud.LocalHost;
using FedCloud.Protocol.Errors;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

try
{
    HostSettings settings = HostSettings.Read(Environment.GetEnvironmentVariable);
    await RunAsync(settings);
    return (int)ExitCode.Done;
}
catch (FedCloudException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return (int)error.Code.Exit;
}
catch (Exception error)
{
    // The outermost handler: one line for a person, and the trace only for whoever asks for it.
    if (Environment.GetEnvironmentVariable("FEDCLOUD_TRACE") is "1")
    {
        await Console.Error.WriteLineAsync(error.ToString());
    }

    FedCloudException said = error.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException
        ? new(ErrorCodes.PortInUse, $"expected port {Environment.GetEnvironmentVariable("FEDCLOUD_PORT")} of this machine to be free, found it taken")
        : new(ErrorCodes.InternalError, $"{error.GetType().Name}: {error.Message}");
    await Console.Error.WriteLineAsync(said.Message);
    return (int)said.Code.Exit;
}

static async Task RunAsync(HostSettings settings)
{
    WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
    builder.WebHost.UseUrls($"http://127.0.0.1:{settings.Port}");
    builder.Logging.ClearProviders();
    builder.Logging.AddSimpleConsole(console => console.SingleLine = true);
    builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
    using HostTelemetry? telemetry = HostTelemetry.Start(settings.Federation, builder.Logging, Environment.GetEnvironmentVariable);
    SharedKeyCredential key = new(settings.Account, settings.AccountKey);
    string scratch = settings.MakeScratch();
    builder.Services.AddSingleton(TimeProvider.System);
    builder.Services.AddSingleton(new Doorbell(settings.Token));
    builder.Services.AddSingleton<IBlobStore>(new RestBlobStore(settings.Storage, key));
    builder.Services.AddSingleton<IMailboxes, BlobMailboxes>();
    builder.Services.AddSingleton<IKeyVault>(new FileKeyVault(Path.Combine(settings.DataFolder, "keys")));
    builder.Services.AddSingleton<ICoordinatorEvents>(services => new LoggedEvents(services.GetRequiredService<Doorbell>().Ring, services.GetRequiredService<ILoggerFactory>().CreateLogger("FedCloud")));
    builder.Services.AddSingleton(new CoordinatorOptions { Federation = settings.Federation, Scratch = scratch, AuditWindow = TimeSpan.FromDays(settings.AuditWindowDays), WrappingKeyGrace = TimeSpan.FromDays(settings.KeyGraceDays) });
    builder.Services.AddSingleton<CoordinatorService>();
    builder.Services.AddSingleton(services => new ModelShelf(services.GetRequiredService<IBlobStore>(), settings.Federation));
    builder.Services.AddHostedService<MailboxService>();
    builder.Services.AddOpenApi();
    await using WebApplication app = builder.Build();
    app.UseExceptionHandler(errors => errors.Run(WriteProblemAsync));
    app.MapOpenApi();
    Routes.Map(app, settings, key);
    await app.Services.GetRequiredService<CoordinatorService>().StartAsync(CancellationToken.None);
    await app.StartAsync();
    string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses.First() ?? string.Empty;
    Console.WriteLine($"ready {address}");
    _ = StopWithInputAsync(app.Lifetime);
    await app.WaitForShutdownAsync();
}

// A parent that starts the coordinator as a child holds its standard input: when it goes away, however it ends, we stop.
static async Task StopWithInputAsync(IHostApplicationLifetime lifetime)
{
    if (string.Equals(Environment.GetEnvironmentVariable("FEDCLOUD_STOP_WITH_INPUT"), "1", StringComparison.Ordinal))
    {
        await Console.OpenStandardInput().CopyToAsync(Stream.Null);
        lifetime.StopApplication();
    }
}

static Task WriteProblemAsync(HttpContext http) => ApiProblem.Of(http.Features.Get<IExceptionHandlerFeature>()?.Error).ExecuteAsync(http);
