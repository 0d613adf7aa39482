// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization.Metadata;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Safetensors;
using Microsoft.AspNetCore.Http;

namespace FedCloud.Api;

/// <summary>The coordinator's HTTP API: the one table of its routes, for all hosts.</summary>
public sealed class ApiRoutes
{
    private const int MaxPlanBytes = 256 * 1024;
    private const string EvidenceType = "application/zip";
    private const int EntriesAtOnce = 50;
    private const ApiRoles Readers = ApiRoles.Auditor | ApiRoles.Operator;
    private static readonly TimeSpan InvitationValidity = TimeSpan.FromDays(7);

    private readonly CoordinatorWork _work;
    private readonly ModelShelf _shelf;
    private readonly string _scratch;
    private readonly Func<SiloId, string, HttpContext, SiloInvitation> _invite;

    /// <summary>Makes the table.</summary>
    /// <param name="work">The coordinator.</param>
    /// <param name="shelf">The adapter versions.</param>
    /// <param name="scratch">A folder for temporary files.</param>
    /// <param name="invite">Makes an invitation for a silo from its code: what a silo needs to reach this host is the host's to say.</param>
    public ApiRoutes(CoordinatorWork work, ModelShelf shelf, string scratch, Func<SiloId, string, HttpContext, SiloInvitation> invite)
    {
        _work = work;
        _shelf = shelf;
        _scratch = scratch;
        _invite = invite;
        All = [.. Session(), .. Silos(), .. Runs(), .. Models(), .. Audit(), .. Keys(), .. Drills()];
    }

    /// <summary>The routes.</summary>
    public IReadOnlyList<ApiRoute> All { get; }

    private static IEnumerable<ApiRoute> Session() =>
    [
        Get("/api/session", "The caller's roles", ApiJson.Default.SessionSummary, call => Task.FromResult(new SessionSummary([.. RolesOf(call.Roles)]))),
    ];

    private static IEnumerable<string> RolesOf(ApiRoles roles) =>
        new[] { ApiRoles.Auditor, ApiRoles.Operator }.Where(role => roles.HasFlag(role)).Select(role => role.ToString());

    private IEnumerable<ApiRoute> Silos() =>
    [
        Get("/api/silos", "Silos and their fingerprints", ApiJson.Default.SiloList, async call => Summarize(await _work.FederationAsync(call.Cancellation))),
        new ApiRoute
        {
            Method = HttpMethods.Post,
            Template = "/api/silos/{silo}/invitation",
            Roles = ApiRoles.Operator,
            Summary = "Invites a silo; the answer is secret",
            ContentType = "application/json",
            AnswerAsync = async call =>
            {
                SiloId silo = SiloId.Parse(call["silo"]);
                await _work.FederationAsync(call.Cancellation);
                string code = await _work.Members.InviteAsync(silo, InvitationValidity, call.Cancellation);
                return Results.Bytes(_invite(silo, code, call.Http).ToJson(), "application/json");
            },
        },
        new ApiRoute
        {
            Method = HttpMethods.Delete,
            Template = "/api/silos/{silo}",
            Roles = ApiRoles.Operator,
            Summary = "Asks the members to remove a silo",
            Status = StatusCodes.Status202Accepted,
            AnswerAsync = async call =>
            {
                SiloId silo = SiloId.Parse(call["silo"]);
                await _work.FederationAsync(call.Cancellation);
                await _work.Members.RevokeAsync(silo, FederationDesk.Patience, call.Cancellation);
                return Results.Accepted();
            },
        },
    ];

    private IEnumerable<ApiRoute> Runs() =>
    [
        Get("/api/runs", "All runs", ApiJson.Default.RunList, async call => new RunList([.. (await _work.RunsAsync(call.Cancellation)).Select(Summarize)])),
        new ApiRoute
        {
            Method = HttpMethods.Post,
            Template = "/api/runs",
            Roles = ApiRoles.Operator,
            Summary = "Submits a run: a canonical run configuration",
            Accepts = typeof(RunConfig),
            Produces = typeof(RunSummary),
            Status = StatusCodes.Status201Created,
            MaxBodyBytes = MaxPlanBytes,
            AnswerAsync = async call =>
            {
                RunConfig config = RunConfig.Parse(await call.BodyAsync(MaxPlanBytes));
                return Results.Json(Summarize(await _work.SubmitAsync(config, call.Cancellation)), ApiJson.Default.RunSummary, statusCode: StatusCodes.Status201Created);
            },
        },
        Get("/api/runs/{job}", "A run with its rounds", ApiJson.Default.RunDetail, call => _work.DetailAsync(RunId.Parse(call["job"]), call.Cancellation)),
        Get("/api/runs/{job}/privacy", "What a run's plan claims about privacy, and its epsilon round by round", ApiJson.Default.PrivacySummary, async call => PrivacyCourse.Of((await _work.RunAsync(RunId.Parse(call["job"]), call.Cancellation)).Config)),
        new ApiRoute
        {
            Method = HttpMethods.Post,
            Template = "/api/runs/{job}/cancel",
            Roles = ApiRoles.Operator,
            Summary = "Ends a run",
            Produces = typeof(RunSummary),
            AnswerAsync = async call =>
            {
                RunId job = RunId.Parse(call["job"]);
                await _work.CancelAsync(job, call.Cancellation);
                return Results.Json(Summarize(await _work.RunAsync(job, call.Cancellation)), ApiJson.Default.RunSummary);
            },
        },
    ];

    private IEnumerable<ApiRoute> Models() =>
    [
        Get("/api/models", "All adapter versions", ApiJson.Default.ModelList, call => _shelf.ListAsync(call.Cancellation)),
        new ApiRoute
        {
            Method = HttpMethods.Get,
            Template = "/api/models/{adapter}/{job}/{version}",
            Roles = Readers,
            Summary = "The bytes of a version",
            ContentType = "application/octet-stream",
            AnswerAsync = async call =>
            {
                BlobRead read = await _shelf.OpenAsync(call["adapter"], RunId.Parse(call["job"]), call.Number("version"), call.Cancellation);
                call.Http.Response.RegisterForDispose(read);
                return Results.Stream(read.Content, "application/octet-stream");
            },
        },
        new ApiRoute
        {
            Method = HttpMethods.Get,
            Template = "/api/base-models/{digest}",
            Roles = Readers,
            Summary = "Whether a base model is stored",
            Status = StatusCodes.Status204NoContent,
            AnswerAsync = async call => await _shelf.HasBaseAsync(Sha256Digest.Parse(call["digest"], "base model"), call.Cancellation)
                ? Results.NoContent()
                : throw new FedCloudException(ErrorCodes.ModelMissing, "there is no such base model"),
        },
        new ApiRoute
        {
            Method = HttpMethods.Put,
            Template = "/api/base-models/{digest}/{file}",
            Roles = ApiRoles.Operator,
            Summary = "Stores a file of a base model; the manifest comes last and is checked",
            Status = StatusCodes.Status204NoContent,
            MaxBodyBytes = null,
            AnswerAsync = PutBaseAsync,
        },
    ];

    private IEnumerable<ApiRoute> Audit() =>
    [
        Get("/api/audit/entries", "Entries of the log, newest first, up to the newest witnessed checkpoint; by type, actor, job and round", ApiJson.Default.LogPage, EntriesAsync),
        new ApiRoute
        {
            Method = HttpMethods.Get,
            Template = "/api/audit/evidence",
            Roles = Readers,
            Summary = "The log, the rosters and the coordinator's keys up to the newest witnessed checkpoint, as a zip; with sums also what recomputes the sums of its rounds",
            ContentType = EvidenceType,
            AnswerAsync = call => EvidenceAsync(call, recipient: null),
        },
        new ApiRoute
        {
            Method = HttpMethods.Post,
            Template = "/api/audit/exports",
            Roles = Readers,
            Summary = "The same for somebody else; the log then says for which role",
            ContentType = EvidenceType,
            AnswerAsync = call => EvidenceAsync(call, Identifier.IsValid(call.Query("recipient"))
                ? call.Query("recipient")
                : throw new FedCloudException(ErrorCodes.RequestMalformed, "recipient: expected a role in lower case, found another text")),
        },
    ];

    private IEnumerable<ApiRoute> Keys() =>
    [
        Get("/api/keys", "The coordinator's keys and their fingerprints", ApiJson.Default.KeyList, KeysAsync),
        new ApiRoute
        {
            Method = HttpMethods.Post,
            Template = "/api/keys/log/versions",
            Roles = ApiRoles.Operator,
            Summary = "Makes another key for the log, and asks the members to sign a roster with it",
            Produces = typeof(KeyList),
            Status = StatusCodes.Status202Accepted,
            AnswerAsync = async call =>
            {
                await _work.FederationAsync(call.Cancellation);
                await _work.Members.ChangeLogKeyAsync(call.Flag("lost"), call.Cancellation);
                return Results.Json(await KeysAsync(call), ApiJson.Default.KeyList, statusCode: StatusCodes.Status202Accepted);
            },
        },
        new ApiRoute
        {
            Method = HttpMethods.Post,
            Template = "/api/keys/wrapping/versions",
            Roles = ApiRoles.Operator,
            Summary = "Makes a new version of the wrapping key and takes it into use; the one before unwraps until its grace is over, or, where it was lost or stolen, no more",
            Produces = typeof(KeyList),
            AnswerAsync = async call =>
            {
                await _work.Keys.RotateAsync(call.Flag("lost"), call.Cancellation);
                return Results.Json(await KeysAsync(call), ApiJson.Default.KeyList);
            },
        },
    ];

    private IEnumerable<ApiRoute> Drills() =>
    [
        new ApiRoute
        {
            Method = HttpMethods.Post,
            Template = "/api/drills/{drill}",
            Roles = ApiRoles.Operator,
            Summary = "Records that a row of the compromise playbook was rehearsed: the SHA-256 of its report, and whether it passed",
            Status = StatusCodes.Status202Accepted,
            AnswerAsync = async call =>
            {
                Sha256Digest report = Sha256Digest.IsValid(call.Query("report"))
                    ? new Sha256Digest(call.Query("report"))
                    : throw new FedCloudException(ErrorCodes.RequestMalformed, "report: expected 64 hexadecimal digits, found another text");
                await _work.RecordDrillAsync(call["drill"], report, call.Flag("passed"), call.Cancellation);
                return Results.Accepted();
            },
        },
    ];

    private async Task<KeyList> KeysAsync(ApiCall call)
    {
        await _work.FederationAsync(call.Cancellation);
        return await _work.Members.KeysAsync(call.Cancellation);
    }

    private static ApiRoute Get<T>(string template, string summary, JsonTypeInfo<T> type, Func<ApiCall, Task<T>> answer) => new()
    {
        Method = HttpMethods.Get,
        Template = template,
        Roles = Readers,
        Summary = summary,
        Produces = typeof(T),
        AnswerAsync = async call => Results.Json(await answer(call), type),
    };

    private async Task<IResult> PutBaseAsync(ApiCall call)
    {
        Sha256Digest id = Sha256Digest.Parse(call["digest"], "base model");
        if (string.Equals(call["file"], "manifest.json", StringComparison.Ordinal))
        {
            await _shelf.PutBaseManifestAsync(id, await call.BodyAsync(MaxPlanBytes), _scratch, call.Cancellation);
            return Results.NoContent();
        }

        using TemporaryFolder folder = new(_scratch);
        string path = folder.File("upload");
        await WholeFile.CopyAsync(call.Http.Request.Body, path, call.Cancellation);
        await _shelf.PutBaseFileAsync(id, call["file"], path, call.Cancellation);
        return Results.NoContent();
    }

    private Task<LogPage> EntriesAsync(ApiCall call)
    {
        EntryQuery query = new()
        {
            Type = call.Query("type") is { Length: > 0 } type ? type : null,
            Actor = call.Query("actor") is { Length: > 0 } actor ? actor : null,
            Job = call.Query("job") is { Length: > 0 } job ? job : null,
            Round = call.OptionalNumber("round") is { } round ? (int)Math.Min(round, int.MaxValue) : null,
        };
        return _work.Log.PageAsync(query, call.OptionalNumber("before"), (int)Math.Min(call.OptionalNumber("limit") ?? EntriesAtOnce, int.MaxValue), call.Cancellation);
    }

    // The zip is on disk before the answer begins, and gone when the answer has ended.
    private async Task<IResult> EvidenceAsync(ApiCall call, string? recipient)
    {
        TemporaryFolder folder = new(_scratch);
        call.Http.Response.RegisterForDispose(folder);
        string path = folder.File("evidence.zip");
        await _work.Log.PackAsync(path, call.Flag("sums"), recipient, call.Cancellation);
        return Results.File(path, EvidenceType);
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
