// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Xunit;

namespace FedCloud.EndToEnd.Tests;

/// <summary>The local coordinator's HTTP API and its settings, over real sockets.</summary>
public sealed class LocalHostTests(LocalCoordinator coordinator) : IClassFixture<LocalCoordinator>
{
    [Fact]
    public async Task Health_NeedsNoToken()
    {
        using HttpClient http = new();

        Assert.Equal("ok", await http.GetStringAsync(new Uri(coordinator.Address, "health")));
    }

    [Fact]
    public async Task Dashboard_IsWhereTheRootLeads_AndNeedsNoToken()
    {
        using HttpClient http = new();

        using HttpResponseMessage page = await http.GetAsync(coordinator.Address);
        using HttpResponseMessage script = await http.GetAsync(new Uri(coordinator.Address, "dashboard/dashboard.js"));
        using HttpResponseMessage none = await http.GetAsync(new Uri(coordinator.Address, "dashboard/api/silos"));

        Assert.Equal((HttpStatusCode.OK, "/dashboard"), (page.StatusCode, page.RequestMessage!.RequestUri!.AbsolutePath));
        Assert.Contains("<script type=\"module\"", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("script-src 'self'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.OK, "text/javascript"), (script.StatusCode, script.Content.Headers.ContentType?.MediaType));
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    [Fact]
    public async Task OpenApi_DescribesEveryRoute()
    {
        using HttpClient http = new();

        JsonElement paths = JsonDocument.Parse(await http.GetStringAsync(new Uri(coordinator.Address, "openapi/v1.json"))).RootElement.GetProperty("paths");

        string[] expected = ["/api/silos", "/api/silos/{silo}/invitation", "/api/silos/{silo}", "/api/runs", "/api/runs/{job}", "/api/runs/{job}/privacy", "/api/runs/{job}/cancel", "/api/models", "/api/models/{adapter}/{job}/{version}", "/api/base-models/{digest}", "/api/base-models/{digest}/{file}", "/api/audit/evidence", "/api/audit/exports", "/api/keys", "/api/keys/log/versions", "/api/keys/wrapping/versions", "/api/drills/{drill}", "/health"];
        Assert.All(expected, path => Assert.True(paths.TryGetProperty(path, out _), path));
        Assert.True(paths.GetProperty("/api/runs").GetProperty("get").GetProperty("responses").GetProperty("200").TryGetProperty("content", out _));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a-token-that-only-these-tests-us")]
    public async Task Api_WithoutTheToken_IsRefusedEverywhere(string? token)
    {
        foreach (string path in (string[])["api/silos", "api/runs", "api/runs/run-1", "api/models", "api/base-models/00", "api/audit/evidence", "api/keys"])
        {
            (HttpStatusCode status, JsonElement problem) = await GetAsync(path, token);

            Assert.Equal(HttpStatusCode.Unauthorized, status);
            Assert.Equal("token_refused", problem.GetProperty("code").GetString());
        }
    }

    [Theory]
    [InlineData("api/runs/no-such-run", HttpStatusCode.NotFound, "run_missing")]
    [InlineData("api/runs/..%2f..%2fetc", HttpStatusCode.BadRequest, "id_malformed")]
    [InlineData("api/models/adapter/run-1/7", HttpStatusCode.NotFound, "model_missing")]
    [InlineData("api/base-models/xyz", HttpStatusCode.BadRequest, "digest_malformed")]
    public async Task Api_BadRequest_IsAProblemWithItsCode(string path, HttpStatusCode expected, string code)
    {
        (HttpStatusCode status, JsonElement problem) = await GetAsync(path, LocalCoordinator.Token);

        Assert.Equal(expected, status);
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.Equal((int)expected, problem.GetProperty("status").GetInt32());
        Assert.False(string.IsNullOrEmpty(problem.GetProperty("next").GetString()));
    }

    [Theory]
    [InlineData("{", "json_not_canonical")]
    [InlineData("{\"v\": 1}", "json_not_canonical")]
    [InlineData("{\"v\":1}", "body_malformed")]
    public async Task Submit_NotAPlan_IsRefused(string body, string code)
    {
        using HttpClient http = Client(LocalCoordinator.Token);

        using HttpResponseMessage response = await http.PostAsync(new Uri(coordinator.Address, "api/runs"), new StringContent(body, Encoding.UTF8, "application/json"));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(code, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Submit_TooLarge_IsRefused()
    {
        using HttpClient http = Client(LocalCoordinator.Token);

        using HttpResponseMessage response = await http.PostAsync(new Uri(coordinator.Address, "api/runs"), new ByteArrayContent(new byte[300_000]));

        Assert.Equal("message_too_large", JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Revoke_UnknownSilo_IsNotFound()
    {
        using HttpClient http = Client(LocalCoordinator.Token);

        using HttpResponseMessage response = await http.DeleteAsync(new Uri(coordinator.Address, "api/silos/nobody"));

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Bell_OpensWithTheSilosTokenOnly()
    {
        JsonElement invitation = JsonDocument.Parse(await coordinator.Client.InviteAsync("bell-silo", CancellationToken.None)).RootElement;
        using HttpClient own = Client(invitation.GetProperty("bell_token").GetString());
        using HttpClient other = Client(LocalCoordinator.Token);

        using HttpResponseMessage rung = await own.PostAsync(new Uri(coordinator.Address, "bell/bell-silo"), content: null);
        using HttpResponseMessage refused = await other.PostAsync(new Uri(coordinator.Address, "bell/bell-silo"), content: null);
        using HttpResponseMessage foreign = await own.PostAsync(new Uri(coordinator.Address, "bell/other-silo"), content: null);

        Assert.Equal(HttpStatusCode.NoContent, rung.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, foreign.StatusCode);
    }

    [Theory]
    [InlineData("FEDCLOUD_FEDERATION", null, 3, "setting_missing: expected the environment variable FEDCLOUD_FEDERATION")]
    [InlineData("FEDCLOUD_FEDERATION", "../x", 2, "id_malformed: ")]
    [InlineData("FEDCLOUD_STORAGE", "not an address", 3, "setting_missing: expected FEDCLOUD_STORAGE to be")]
    [InlineData("FEDCLOUD_STORAGE", "http://127.0.0.1:1/devstoreaccount1", 4, "storage_unreachable: ")]
    [InlineData("FEDCLOUD_STORAGE_KEY", "not base64!", 3, "setting_missing: expected FEDCLOUD_STORAGE_KEY to be a key in base64")]
    [InlineData("FEDCLOUD_STORAGE_KEY", "AAAA", 5, "storage_denied: ")]
    [InlineData("FEDCLOUD_TOKEN", "short", 3, "setting_missing: expected FEDCLOUD_TOKEN to be")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "collector", 3, "setting_missing: expected OTEL_EXPORTER_OTLP_ENDPOINT to be an http or https address")]
    [InlineData("FEDCLOUD_PORT", "70000", 3, "setting_missing: expected FEDCLOUD_PORT to be")]
    [InlineData("FEDCLOUD_DATA", "/proc/nowhere", 3, "setting_missing: expected FEDCLOUD_DATA to be")]
    public async Task Start_BadSetting_SaysSoInOneLine(string name, string? value, int exit, string line)
    {
        Dictionary<string, string?> settings = coordinator.Settings;
        settings["FEDCLOUD_DATA"] = Path.Combine(coordinator.Folder, "other");
        settings[name] = value;

        (int found, _, string errors) = await Programs.RunAsync(Programs.LocalHost, settings, []);

        Assert.Equal(exit, found);
        Assert.StartsWith(line, errors, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', errors);
        Assert.DoesNotContain(value is { Length: > 3 } && name is "FEDCLOUD_TOKEN" ? value : "\u0001", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_PortInUse_SaysSoInOneLine()
    {
        Dictionary<string, string?> settings = coordinator.Settings;
        settings["FEDCLOUD_DATA"] = Path.Combine(coordinator.Folder, "other");
        settings["FEDCLOUD_PORT"] = coordinator.Address.Port.ToString(System.Globalization.CultureInfo.InvariantCulture);

        (int exit, _, string errors) = await Programs.RunAsync(Programs.LocalHost, settings, []);

        Assert.Equal(3, exit);
        Assert.Matches($"^port_in_use: expected port {coordinator.Address.Port} .*$", errors);
    }

    private static HttpClient Client(string? token)
    {
        HttpClient http = new();
        http.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return http;
    }

    private async Task<(HttpStatusCode Status, JsonElement Problem)> GetAsync(string path, string? token)
    {
        using HttpClient http = Client(token);
        using HttpResponseMessage response = await http.GetAsync(new Uri(coordinator.Address, path));
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement);
    }
}
