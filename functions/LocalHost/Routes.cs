// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.LocalHost;

/// <summary>The coordinator's HTTP API. Everything under /api needs the operator's token.</summary>
internal static class Routes
{
    private const int MaxPlanBytes = 256 * 1024;
    private const string EvidenceType = "application/zip";
    private static readonly TimeSpan InvitationValidity = TimeSpan.FromDays(7);
    private static readonly TimeSpan BellPatience = TimeSpan.FromSeconds(25);

    /// <summary>Maps all routes.</summary>
    public static void Map(WebApplication app, HostSettings settings, SharedKeyCredential key)
    {
        app.MapGet("/health", () => Results.Text("ok")).WithSummary("Whether the coordinator is up");
        RouteGroupBuilder api = app.MapGroup("/api");
        api.AddEndpointFilter(async (context, next) =>
        {
            RequireToken(context.HttpContext, settings.Token);
            return await next(context);
        });
        MapSilos(api, settings, key);
        MapRuns(api);
        MapModels(api, settings);
        MapAudit(api, settings);
        MapKeys(api);
        MapBell(app);
    }

    private static void MapSilos(RouteGroupBuilder api, HostSettings settings, SharedKeyCredential key)
    {
        api.MapGet("/silos", (CoordinatorService coordinator) => Results.Json(Summarize(coordinator.Federation), ApiJson.Default.SiloList))
            .WithSummary("Silos and their fingerprints").Produces<SiloList>();
        api.MapPost("/silos/{silo}/invitation", async (string silo, HttpContext http, CoordinatorService coordinator, Doorbell bell, CancellationToken cancellation) =>
        {
            SiloId id = SiloId.Parse(silo);
            string code = await coordinator.Members.InviteAsync(id, InvitationValidity, cancellation);
            string address = $"{http.Request.Scheme}://{http.Request.Host}";
            return Results.Bytes(Invite(settings, key, coordinator, bell, id, code, address).ToJson(), "application/json");
        }).WithSummary("Invites a silo; the answer is secret");
        api.MapDelete("/silos/{silo}", async (string silo, CoordinatorService coordinator, CancellationToken cancellation) =>
        {
            SiloId id = SiloId.Parse(silo);
            await coordinator.Members.RevokeAsync(id, FederationDesk.Patience, cancellation);
            return Results.Accepted();
        }).WithSummary("Asks the members to remove a silo");
    }

    private static void MapRuns(RouteGroupBuilder api)
    {
        api.MapGet("/runs", (CoordinatorService coordinator) => Results.Json(new RunList([.. coordinator.Runs.Select(Summarize)]), ApiJson.Default.RunList))
            .WithSummary("All runs").Produces<RunList>();
        api.MapPost("/runs", async (HttpRequest request, CoordinatorService coordinator, CancellationToken cancellation) =>
        {
            RunConfig config = RunConfig.Parse(await BodyAsync(request, MaxPlanBytes, cancellation));
            return Results.Json(Summarize(await coordinator.SubmitAsync(config, cancellation)), ApiJson.Default.RunSummary, statusCode: StatusCodes.Status201Created);
        }).WithSummary("Submits a run: a canonical run configuration").Accepts<RunConfig>("application/json").Produces<RunSummary>(StatusCodes.Status201Created);
        api.MapGet("/runs/{job}", async (string job, CoordinatorService coordinator, CancellationToken cancellation) =>
        {
            return Results.Json(await coordinator.DetailAsync(RunId.Parse(job), cancellation), ApiJson.Default.RunDetail);
        }).WithSummary("A run with its rounds").Produces<RunDetail>();
        api.MapPost("/runs/{job}/cancel", async (string job, CoordinatorService coordinator, CancellationToken cancellation) =>
        {
            RunId id = RunId.Parse(job);
            await coordinator.CancelAsync(id, cancellation);
            return Results.Json(Summarize(await coordinator.Work.RunAsync(id, cancellation)), ApiJson.Default.RunSummary);
        }).WithSummary("Ends a run").Produces<RunSummary>();
    }

    private static void MapModels(RouteGroupBuilder api, HostSettings settings)
    {
        string scratch = Path.Combine(settings.DataFolder, "scratch");
        api.MapGet("/models", async (ModelShelf shelf, CancellationToken cancellation) => Results.Json(await shelf.ListAsync(cancellation), ApiJson.Default.ModelList))
            .WithSummary("All adapter versions").Produces<ModelList>();
        api.MapGet("/models/{adapter}/{job}/{version:int}", async (string adapter, string job, int version, ModelShelf shelf, CancellationToken cancellation) =>
        {
            BlobRead read = await shelf.OpenAsync(adapter, RunId.Parse(job), version, cancellation);
            return Results.Stream(read.Content, "application/octet-stream");
        }).WithSummary("The bytes of a version");
        api.MapGet("/base-models/{digest}", async (string digest, ModelShelf shelf, CancellationToken cancellation) =>
            await shelf.HasBaseAsync(Sha256Digest.Parse(digest, "base model"), cancellation)
                ? Results.NoContent()
                : throw new FedCloudException(ErrorCodes.ModelMissing, "there is no such base model")).WithSummary("Whether a base model is stored");
        api.MapPut("/base-models/{digest}/{file}", async (string digest, string file, HttpRequest request, ModelShelf shelf, CancellationToken cancellation) =>
        {
            Sha256Digest id = Sha256Digest.Parse(digest, "base model");
            if (string.Equals(file, "manifest.json", StringComparison.Ordinal))
            {
                await shelf.PutBaseManifestAsync(id, await BodyAsync(request, MaxPlanBytes, cancellation), scratch, cancellation);
                return Results.NoContent();
            }

            using TemporaryFolder folder = new(scratch);
            string path = folder.File("upload");
            await WholeFile.CopyAsync(request.Body, path, cancellation);
            await shelf.PutBaseFileAsync(id, file, path, cancellation);
            return Results.NoContent();
        }).WithSummary("Stores a file of a base model; the manifest comes last and is checked").WithMetadata(new Microsoft.AspNetCore.Mvc.DisableRequestSizeLimitAttribute());
    }

    private static void MapAudit(RouteGroupBuilder api, HostSettings settings)
    {
        string scratch = Path.Combine(settings.DataFolder, "scratch");
        api.MapGet("/audit/evidence", (bool? sums, HttpContext http, CoordinatorService coordinator, CancellationToken cancellation) => EvidenceAsync(http, coordinator, scratch, sums ?? false, null, cancellation))
            .WithSummary("The log, the rosters and the coordinator's keys up to the newest witnessed checkpoint, as a zip; with sums also what recomputes the sums of its rounds").Produces(StatusCodes.Status200OK, contentType: EvidenceType);
        api.MapPost("/audit/exports", (string recipient, bool? sums, HttpContext http, CoordinatorService coordinator, CancellationToken cancellation) =>
            EvidenceAsync(http, coordinator, scratch, sums ?? false, Identifier.IsValid(recipient) ? recipient : throw new FedCloudException(ErrorCodes.RequestMalformed, "recipient: expected a role in lower case, found another text"), cancellation))
            .WithSummary("The same for somebody else; the log then says for which role").Produces(StatusCodes.Status200OK, contentType: EvidenceType);
    }

    private static void MapKeys(RouteGroupBuilder api)
    {
        api.MapGet("/keys", async (CoordinatorService coordinator, CancellationToken cancellation) => Results.Json(await coordinator.Members.KeysAsync(cancellation), ApiJson.Default.KeyList))
            .WithSummary("The coordinator's keys and their fingerprints").Produces<KeyList>();
        api.MapPost("/keys/log/versions", async (bool? lost, CoordinatorService coordinator, CancellationToken cancellation) =>
        {
            await coordinator.Members.ChangeLogKeyAsync(lost ?? false, cancellation);
            return Results.Json(await coordinator.Members.KeysAsync(cancellation), ApiJson.Default.KeyList, statusCode: StatusCodes.Status202Accepted);
        }).WithSummary("Makes another key for the log, and asks the members to sign a roster with it").Produces<KeyList>(StatusCodes.Status202Accepted);
    }

    // The zip is on disk before the answer begins, and gone when the answer has ended.
    private static async Task<IResult> EvidenceAsync(HttpContext http, CoordinatorService coordinator, string scratch, bool sums, string? recipient, CancellationToken cancellation)
    {
        TemporaryFolder folder = new(scratch);
        http.Response.RegisterForDispose(folder);
        string path = folder.File("evidence.zip");
        await coordinator.Work.Log.PackAsync(path, sums, recipient, cancellation);
        return Results.File(path, EvidenceType);
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
        string given = http.Request.Headers.Authorization.ToString();
        byte[] wanted = SHA256.HashData(Encoding.UTF8.GetBytes("Bearer " + expected));
        if (!CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), wanted))
        {
            throw new FedCloudException(ErrorCodes.TokenRefused, "expected a valid bearer token, found none or another");
        }
    }

    private static async Task<byte[]> BodyAsync(HttpRequest request, int maxBytes, CancellationToken cancellation)
    {
        byte[] buffer = new byte[maxBytes + 1];
        int read = await request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellation);
        return read <= maxBytes ? buffer[..read] : throw new FedCloudException(ErrorCodes.MessageTooLarge, $"expected at most {maxBytes} bytes, found more");
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

    private static SiloList Summarize(FederationState federation) => new(
        federation.Federation,
        federation.Roster?.Version ?? 0,
        [
            .. federation.Invited.Select(silo => new SiloSummary(silo, "invited", null, null, null, null)),
            .. federation.Joined.Select(joined =>
            {
                RosterMember member = joined.Value.Join.ToMember(1);
                int? idx = federation.Roster?.Find(joined.Key)?.Idx;
                ConfirmedMember keys = ConfirmedMember.Of(member);
                return new SiloSummary(joined.Key, federation.Leaving.Contains(joined.Key) ? "leaving" : idx is null ? "joined" : "member", idx, keys.IkSpkiSha256, keys.WitnessSpkiSha256, keys.AdminSpkiSha256);
            }),
        ]);

    private static RunSummary Summarize(RunState run) => new(run.Config.Job, run.Config.Adapter, run.Phase, run.CommittedRounds, run.Config.Rounds, run.SubmittedAt, run.Reason);
}
