// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using FedCloud.Api;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Storage;
using FedCloud.Coordinator.Tests;
using FedCloud.Functions.Http;
using FedCloud.Functions.Orchestrations;
using FedCloud.Functions.Tests.Durable;
using FedCloud.Simulation.Tests.Whole;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace FedCloud.Functions.Tests.Http;

/// <summary>Who may do what, by the table of routes: everything is refused that is not allowed, and a refusal tells nothing about what exists.</summary>
public sealed partial class ApiEndpointTests : IDisposable
{
    // The whole table, so that nobody adds a route without saying whose it is.
    private static readonly Dictionary<string, ApiRoles> Table = new(StringComparer.Ordinal)
    {
        ["GET /api/session"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["GET /api/silos"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["POST /api/silos/{silo}/invitation"] = ApiRoles.Operator,
        ["DELETE /api/silos/{silo}"] = ApiRoles.Operator,
        ["GET /api/runs"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["POST /api/runs"] = ApiRoles.Operator,
        ["GET /api/runs/{job}"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["GET /api/runs/{job}/privacy"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["POST /api/runs/{job}/cancel"] = ApiRoles.Operator,
        ["GET /api/models"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["GET /api/models/{adapter}/{job}/{version}"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["GET /api/base-models/{digest}"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["PUT /api/base-models/{digest}/{file}"] = ApiRoles.Operator,
        ["GET /api/audit/entries"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["GET /api/audit/evidence"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["POST /api/audit/exports"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["GET /api/keys"] = ApiRoles.Auditor | ApiRoles.Operator,
        ["POST /api/keys/log/versions"] = ApiRoles.Operator,
        ["POST /api/keys/wrapping/versions"] = ApiRoles.Operator,
        ["POST /api/drills/{drill}"] = ApiRoles.Operator,
    };

    private readonly SimulatedTime _time = new();
    private readonly SharedFederation _federation;
    private readonly DurableTestHost _backend = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddLogging().BuildServiceProvider();
    private readonly SharedCoordinator _coordinator;
    private readonly ApiRoutes _routes;
    private RequestFault _fault;
    private int _requests;

    public ApiEndpointTests()
    {
        DurableOrchestrations orchestrations = new();
        orchestrations.Use(_backend.Client);
        _federation = new SharedFederation(_time);
        _coordinator = _federation.Process(
            () =>
            {
                _requests++;
                return _fault;
            },
            new WaitingTime(_time),
            orchestrations: orchestrations);
        _routes = new ApiRoutes(_coordinator.Work, new ModelShelf(_federation.Store, SharedFederation.Name), Path.GetTempPath(), (_, _, _) => throw new InvalidOperationException("no invitation is asked for here"));
    }

    public void Dispose()
    {
        _federation.Dispose();
        _backend.Dispose();
        _services.Dispose();
    }

    [Fact]
    public void Routes_All_StandInTheTable()
    {
        Assert.Equal(Table.OrderBy(route => route.Key, StringComparer.Ordinal), _routes.All.ToDictionary(KeyOf, route => route.Roles, StringComparer.Ordinal).OrderBy(route => route.Key, StringComparer.Ordinal));
        Assert.All(_routes.All, route => Assert.StartsWith("/api/", route.Template, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Answer_NobodyInParticular_GetsOneAnswerWhateverIsAskedAndCostsNothing()
    {
        string[] paths = [.. _routes.All.Select(PathOf), "/api", "/api/", "/api/nothing", "/api/silos/silo-1", "/api/runs/../keys", "/api/runs/%2e%2e%2fkeys", "/API/RUNS"];
        HashSet<string> answers = [];
        foreach (string path in paths)
        {
            foreach (string method in new[] { "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH" })
            {
                answers.Add(Said(await AnswerAsync(ApiRoles.None, method, path)));
            }
        }

        Assert.StartsWith("401 ", Assert.Single(answers), StringComparison.Ordinal);
        Assert.Contains("token_refused", answers.Single(), StringComparison.Ordinal);
        Assert.Equal(0, _requests);
    }

    [Fact]
    public async Task Answer_Auditor_CannotDoOperatorsWorkNorLearnWhatIsThere()
    {
        await FoundAsync();
        foreach (ApiRoute route in _routes.All.Where(route => !route.Roles.HasFlag(ApiRoles.Auditor)))
        {
            int before = _requests;
            string there = Said(await AnswerAsync(ApiRoles.Auditor, route.Method, PathOf(route)));
            string missing = Said(await AnswerAsync(ApiRoles.Auditor, route.Method, PathOf(route, Missing)));
            string malformed = Said(await AnswerAsync(ApiRoles.Auditor, route.Method, PathOf(route, Malformed)));

            Assert.StartsWith("403 ", there, StringComparison.Ordinal);
            Assert.Equal((there, there), (missing, malformed));
            Assert.Equal(before, _requests);
        }

        Assert.Null((await _federation.StoredAsync()).Proposal);
    }

    [Fact]
    public async Task Answer_WhoMayKnow_IsToldWhatIsMissing()
    {
        await FoundAsync();

        Assert.StartsWith("404 ", Said(await AnswerAsync(ApiRoles.Auditor, "GET", "/api/runs/no-such-run")), StringComparison.Ordinal);
        Assert.StartsWith("404 ", Said(await AnswerAsync(ApiRoles.Auditor, "GET", "/api/nothing")), StringComparison.Ordinal);
        Assert.StartsWith("404 ", Said(await AnswerAsync(ApiRoles.Operator, "DELETE", "/api/silos/no-such-silo")), StringComparison.Ordinal);
        Assert.StartsWith("400 ", Said(await AnswerAsync(ApiRoles.Auditor, "GET", "/api/runs/No%20Such")), StringComparison.Ordinal);
        Assert.StartsWith("200 ", Said(await AnswerAsync(ApiRoles.Auditor, "GET", "/api/silos")), StringComparison.Ordinal);
        Assert.StartsWith("200 ", Said(await AnswerAsync(ApiRoles.Operator, "GET", "/api/silos")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_BodyThatIsTooLarge_IsRefusedBeforeItIsRead()
    {
        await FoundAsync();
        foreach (ApiRoute route in _routes.All.Where(route => route.MaxBodyBytes is not null))
        {
            using Endless body = new();
            string answer = Said(await AnswerAsync(ApiRoles.Operator, route.Method, PathOf(route), body, length: route.MaxBodyBytes + 1));

            Assert.StartsWith("413 ", answer, StringComparison.Ordinal);
            Assert.Equal(0, body.Taken);
        }
    }

    [Fact]
    public async Task Answer_BodyWithoutALength_IsReadAsFarAsItMayBe()
    {
        await FoundAsync();
        ApiRoute submit = _routes.All.Single(route => route is { Method: "POST", Template: "/api/runs" });
        using Endless body = new();

        Assert.StartsWith("413 ", Said(await AnswerAsync(ApiRoles.Operator, "POST", "/api/runs", body)), StringComparison.Ordinal);

        Assert.InRange(body.Taken, submit.MaxBodyBytes!.Value, submit.MaxBodyBytes.Value + 1);
    }

    [Fact]
    public async Task Answer_StorageAway_IsAProblemWithItsCode()
    {
        await FoundAsync();
        _fault = RequestFault.Lost;

        (int status, string body) = await AnswerAsync(ApiRoles.Operator, "GET", "/api/silos");

        Assert.Equal(503, status);
        Assert.Contains("storage_unreachable", body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ApiRoles.None, "/api/silos", 401)]
    [InlineData(ApiRoles.Auditor, "/api/silos", 200)]
    [InlineData(ApiRoles.Auditor, "/api/nothing", 404)]
    public async Task Answer_Any_IsKeptByNobody(ApiRoles roles, string path, int status)
    {
        await FoundAsync();
        DefaultHttpContext http = Http("GET", path);

        (int answered, _) = await ExecuteAsync(await new ApiEndpoint(_routes, _ => roles).AnswerAsync(http), http);

        Assert.Equal((status, "no-store"), (answered, http.Response.Headers.CacheControl.ToString()));
    }

    [Fact]
    public async Task Answer_OfARouteThatTheHostFound_IsKeptByNobody()
    {
        await FoundAsync();
        DefaultHttpContext http = Http("GET", "/api/silos");

        (int answered, _) = await ExecuteAsync(await new ApiEndpoint(_routes, _ => ApiRoles.Auditor).AnswerAsync(_routes.All.Single(route => KeyOf(route) is "GET /api/silos"), http), http);

        Assert.Equal((200, "no-store"), (answered, http.Response.Headers.CacheControl.ToString()));
    }

    // The process has just started, and the storage is away: a caller without a role is refused before that is found out, and the others get a problem, not a broken answer.
    [Theory]
    [InlineData(false, 401)]
    [InlineData(true, 503)]
    public async Task Function_BeforeTheCoordinatorHasStarted_RefusesFirst(bool isOperator, int status)
    {
        _fault = RequestFault.Lost;
        DurableOrchestrations orchestrations = new();
        HttpFunctions functions = new(_coordinator, orchestrations, new ApiEndpoint(_routes, _ => isOperator ? ApiRoles.Operator : ApiRoles.None));
        DefaultHttpContext http = Http("GET", "/api/silos");

        (int answered, _) = await ExecuteAsync(await functions.AnswerAsync(http.Request, _backend.Client, default), http);

        Assert.Equal((status, isOperator), (answered, _requests > 0));
    }

    [Fact]
    public async Task Function_OfAnOperator_StartsTheCoordinatorAndAnswers()
    {
        HttpFunctions functions = new(_coordinator, new DurableOrchestrations(), new ApiEndpoint(_routes, _ => ApiRoles.Operator));
        DefaultHttpContext http = Http("GET", "/api/silos");

        (int answered, string body) = await ExecuteAsync(await functions.AnswerAsync(http.Request, _backend.Client, default), http);

        Assert.Equal(200, answered);
        Assert.Contains("test-federation", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_IsAllThatAnybodyMayAsk()
    {
        DefaultHttpContext http = Http("GET", "/health");

        (int status, string body) = await ExecuteAsync(HttpFunctions.Health(http.Request), http);

        Assert.Equal((200, "ok", 0), (status, body, _requests));
    }

    private static readonly Dictionary<string, string> There = new(StringComparer.Ordinal)
    {
        ["silo"] = "silo-1",
        ["drill"] = "wrapping",
        ["job"] = "run-1",
        ["adapter"] = "default",
        ["version"] = "0",
        ["digest"] = new string('a', 64),
        ["file"] = "config.json",
    };

    private static readonly Dictionary<string, string> Missing = There.ToDictionary(value => value.Key, value => value.Key is "digest" ? new string('b', 64) : value.Key is "version" ? "77" : "no-such-one", StringComparer.Ordinal);

    private static readonly Dictionary<string, string> Malformed = There.ToDictionary(value => value.Key, _ => "Not An Id", StringComparer.Ordinal);

    [GeneratedRegex(@"\{(?<name>\w+)\}", RegexOptions.NonBacktracking)]
    private static partial Regex Parameter();

    private static string KeyOf(ApiRoute route) => $"{route.Method} {route.Template}";

    private static string PathOf(ApiRoute route) => PathOf(route, There);

    private static string PathOf(ApiRoute route, Dictionary<string, string> values) => Parameter().Replace(route.Template, match => values[match.Groups["name"].Value]);

    private static string Said((int Status, string Body) answer) => string.Create(CultureInfo.InvariantCulture, $"{answer.Status} {answer.Body}");

    private async Task FoundAsync()
    {
        await _federation.FoundedAsync(_coordinator);
        _requests = 0;
    }

    private async Task<(int Status, string Body)> AnswerAsync(ApiRoles roles, string method, string path, Stream? body = null, long? length = null)
    {
        DefaultHttpContext http = Http(method, path);
        http.Request.Body = body ?? Stream.Null;
        http.Request.ContentLength = length;
        return await ExecuteAsync(await new ApiEndpoint(_routes, _ => roles).AnswerAsync(http), http);
    }

    private DefaultHttpContext Http(string method, string path)
    {
        DefaultHttpContext http = new() { RequestServices = _services };
        http.Request.Method = method;
        http.Request.Path = PathString.FromUriComponent(path.Replace(" ", "%20", StringComparison.Ordinal));
        http.Response.Body = new MemoryStream();
        return http;
    }

    private static async Task<(int Status, string Body)> ExecuteAsync(IResult result, DefaultHttpContext http)
    {
        await result.ExecuteAsync(http);
        return (http.Response.StatusCode, Encoding.UTF8.GetString(((MemoryStream)http.Response.Body).ToArray()));
    }

    private sealed class Endless : Stream
    {
        public long Taken { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("the API reads asynchronously");

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Taken += buffer.Length;
            return ValueTask.FromResult(buffer.Length);
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
