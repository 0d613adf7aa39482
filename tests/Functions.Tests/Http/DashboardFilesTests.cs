// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.RegularExpressions;
using FedCloud.Api;
using FedCloud.Functions.Http;
using FedCloud.Protocol.Canonical;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace FedCloud.Functions.Tests.Http;

public sealed partial class DashboardFilesTests
{
    private static readonly string Folder = Path.Combine(RepositoryFiles.Root, "functions", "Dashboard");

    [Theory]
    [InlineData("/dashboard", "text/html; charset=utf-8", "dist/index.html")]
    [InlineData("/dashboard/", "text/html; charset=utf-8", "dist/index.html")]
    [InlineData("/dashboard/index.html", "text/html; charset=utf-8", "dist/index.html")]
    [InlineData("/dashboard/dashboard.js", "text/javascript; charset=utf-8", "dist/dashboard.js")]
    [InlineData("/dashboard/verifier.js", "text/javascript; charset=utf-8", "dist/verifier.js")]
    [InlineData("/dashboard/dashboard.css", "text/css; charset=utf-8", "dist/dashboard.css")]
    [InlineData("/dashboard/icon.svg", "image/svg+xml", "dist/icon.svg")]
    public async Task File_AnybodyAsks_IsGivenUnderAStrictPolicy(string path, string type, string file)
    {
        (HttpResponse response, byte[] body) = await GetAsync(path);

        Assert.Equal((200, type), (response.StatusCode, response.ContentType));
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(Folder, file)), body);
        Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self';", response.Headers.ContentSecurityPolicy, StringComparison.Ordinal);
        Assert.Contains("worker-src 'self'", response.Headers.ContentSecurityPolicy.ToString(), StringComparison.Ordinal);
        Assert.Contains("require-trusted-types-for 'script'; trusted-types fedcloud-verifier", response.Headers.ContentSecurityPolicy.ToString(), StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", response.Headers.ContentSecurityPolicy.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", response.Headers.ContentSecurityPolicy.ToString(), StringComparison.Ordinal);
        Assert.Equal(("nosniff", "no-cache"), (response.Headers.XContentTypeOptions.ToString(), response.Headers.CacheControl.ToString()));
    }

    [Theory]
    [InlineData("/dashboard/other.js")]
    [InlineData("/dashboard/../api/silos")]
    [InlineData("/dashboard/src/main.ts")]
    [InlineData("/dashboard/INDEX.HTML")]
    public async Task File_ThatIsNone_IsRefused(string path)
    {
        (HttpResponse response, byte[] body) = await GetAsync(path);

        Assert.Equal(404, response.StatusCode);
        Assert.Contains("route_missing", Encoding.UTF8.GetString(body), StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_ThatABrowserHas_IsNotSentAgain()
    {
        (HttpResponse first, _) = await GetAsync("/dashboard/dashboard.js");

        (HttpResponse again, byte[] body) = await GetAsync("/dashboard/dashboard.js", first.Headers.ETag.ToString());

        Assert.Equal((304, 0), (again.StatusCode, body.Length));
    }

    // Whatever the policy refuses would leave an empty page.
    [Fact]
    public async Task Page_NamesFilesOfItsOwnOnly()
    {
        (_, byte[] body) = await GetAsync("/dashboard");
        string page = Encoding.UTF8.GetString(body);

        string[] named = [.. Reference().Matches(page).Select(match => match.Groups["path"].Value).Where(path => !path.StartsWith('#'))];

        Assert.Equal(["/dashboard/dashboard.css", "/dashboard/dashboard.js", "/dashboard/icon.svg"], named.Order(StringComparer.Ordinal));
        Assert.DoesNotContain("style=", page, StringComparison.Ordinal);
        Assert.Equal(["dashboard.css", "dashboard.js", "icon.svg", "index.html", "verifier.js"], DashboardFiles.Names.Order(StringComparer.Ordinal));
    }

    // The built files lie beside their sources; the list says what they were built from.
    [Fact]
    public void BuiltFiles_AreThoseOfTheSources()
    {
        string[] listed = File.ReadAllLines(Path.Combine(Folder, "files.sha256"));
        IEnumerable<string> files = Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Folder, path).Replace('\\', '/'))
            .Where(path => path is not "files.sha256" && !path.StartsWith("node_modules/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

        Assert.Equal(files.Select(path => $"{Sha256Digest.Of(File.ReadAllBytes(Path.Combine(Folder, path))).Hex}  {path}"), listed);
    }

    private static async Task<(HttpResponse Response, byte[] Body)> GetAsync(string path, string? etag = null)
    {
        DefaultHttpContext http = new() { RequestServices = new ServiceCollection().AddLogging().BuildServiceProvider() };
        http.Request.Method = "GET";
        http.Request.Path = path;
        http.Request.Headers.IfNoneMatch = etag;
        MemoryStream body = new();
        http.Response.Body = body;
        await HttpFunctions.Dashboard(http.Request).ExecuteAsync(http);
        return (http.Response, body.ToArray());
    }

    [GeneratedRegex("(?:href|src)=\"(?<path>[^\"]*)\"", RegexOptions.NonBacktracking)]
    private static partial Regex Reference();
}
