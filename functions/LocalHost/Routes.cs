// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using Microsoft.AspNetCore.Mvc;

namespace FedCloud.LocalHost;

/// <summary>The coordinator's HTTP API on this machine. Everything under /api needs the operator's token, who has all roles here.</summary>
internal static class Routes
{
    private static readonly TimeSpan BellPatience = TimeSpan.FromSeconds(25);

    /// <summary>Maps all routes.</summary>
    public static void Map(WebApplication app, HostSettings settings, SharedKeyCredential key)
    {
        IServiceProvider services = app.Services;
        CoordinatorService coordinator = services.GetRequiredService<CoordinatorService>();
        Doorbell bell = services.GetRequiredService<Doorbell>();
        ApiRoutes routes = new(
            coordinator.Work,
            services.GetRequiredService<ModelShelf>(),
            services.GetRequiredService<CoordinatorOptions>().Scratch,
            (silo, code, http) => Invite(settings, key, coordinator, bell, silo, code, $"{http.Request.Scheme}://{http.Request.Host}"));
        ApiEndpoint api = new(routes, http => IsToken(http, settings.Token) ? ApiRoles.Operator | ApiRoles.Auditor : ApiRoles.None);
        app.MapGet("/health", () => Results.Text("ok")).WithSummary("Whether the coordinator is up");
        app.MapGet("/", () => Results.Redirect(DashboardFiles.Path)).ExcludeFromDescription();
        app.MapGet($"{DashboardFiles.Path}/{{*file}}", DashboardFiles.Answer).ExcludeFromDescription();
        foreach (ApiRoute route in routes.All)
        {
            Describe(route, app.MapMethods(route.Template, [route.Method], (Delegate)((HttpContext http) => api.AnswerAsync(route, http))));
        }

        MapBell(app);
    }

    private static void Describe(ApiRoute route, RouteHandlerBuilder endpoint)
    {
        endpoint.WithSummary(route.Summary).WithMetadata(new ProducesResponseTypeMetadata(route.Status, route.Produces, route.ContentType is { } other ? [other] : route.Produces is null ? [] : ["application/json"]));
        if (route.Accepts is { } accepted)
        {
            endpoint.Accepts(accepted, "application/json");
        }

        if (route.MaxBodyBytes is null)
        {
            endpoint.WithMetadata(new DisableRequestSizeLimitAttribute());
        }
    }

    private static void MapBell(WebApplication app)
    {
        app.MapGet("/bell/{silo}", async (string silo, long after, HttpContext http, Doorbell bell, CancellationToken cancellation) =>
        {
            SiloId id = SiloId.Parse(silo);
            RequireToken(http, bell.TokenOf(id));
            return Results.Text((await bell.WaitAsync(id, after, BellPatience, cancellation)).ToString(System.Globalization.CultureInfo.InvariantCulture));
        }).WithSummary("Waits until the silo's mailbox may hold something");
        app.MapPost("/bell/{silo}", (string silo, HttpContext http, Doorbell bell, CoordinatorService coordinator) =>
        {
            RequireToken(http, bell.TokenOf(SiloId.Parse(silo)));
            coordinator.Ring();
            return Results.NoContent();
        }).WithSummary("Says that the coordinator's mailbox may hold something");
    }

    private static void RequireToken(HttpContext http, string expected)
    {
        if (!IsToken(http, expected))
        {
            throw new FedCloudException(ErrorCodes.TokenRefused, "expected a valid bearer token, found none or another");
        }
    }

    private static bool IsToken(HttpContext http, string expected)
    {
        string given = http.Request.Headers.Authorization.ToString();
        byte[] wanted = SHA256.HashData(Encoding.UTF8.GetBytes("Bearer " + expected));
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), wanted);
    }

    private static SiloInvitation Invite(HostSettings settings, SharedKeyCredential key, CoordinatorService coordinator, Doorbell bell, SiloId silo, string code, string address)
    {
        DateTimeOffset expires = DateTimeOffset.UtcNow.AddDays(365);
        bool https = string.Equals(settings.Storage.Scheme, Uri.UriSchemeHttps, StringComparison.Ordinal);
        string Sas(string container, string permissions) => BlobSas.ForContainer(key, container, permissions, expires, httpsOnly: https);
        return new SiloInvitation
        {
            V = 1,
            Federation = settings.Federation,
            SiloId = silo,
            Code = code,
            CoordinatorSpki = (coordinator.MessageKey ?? throw new InvalidOperationException("the coordinator is started")).ToBase64(),
            LogVkey = coordinator.Federation.LogVkey,
            StorageEndpoint = settings.Storage.AbsoluteUri,
            Sas = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                [StorageNames.Models] = Sas(StorageNames.Models, BlobSas.Read),
                [StorageNames.Log] = Sas(StorageNames.Log, BlobSas.Read),
                [StorageNames.LogHead] = Sas(StorageNames.LogHead, BlobSas.Read),
                [StorageNames.Up(silo)] = Sas(StorageNames.Up(silo), BlobSas.Create),
                [StorageNames.Down(silo)] = Sas(StorageNames.Down(silo), BlobSas.Read),
                [StorageNames.Mail(silo)] = Sas(StorageNames.Mail(silo), BlobSas.Mailbox),
                [StorageNames.MailCoordinator] = Sas(StorageNames.MailCoordinator, BlobSas.Create),
            }.ToImmutableSortedDictionary(StringComparer.Ordinal),
            BellUrl = address,
            BellToken = bell.TokenOf(silo),
            Expires = expires,
        };
    }
}
