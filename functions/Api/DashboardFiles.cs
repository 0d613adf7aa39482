// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Reflection;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace FedCloud.Api;

/// <summary>The dashboard: a few static files inside this assembly, the same in every host. They hold no data; what they show they ask the API for, as whoever signs in.</summary>
public static class DashboardFiles
{
    /// <summary>The path below which the files lie.</summary>
    public const string Path = "/dashboard";

    private const string Resources = "dashboard/";
    private const string Start = "index.html";

    // Nothing of another origin, nothing inline, no frame around it, no form that the browser itself would send. The one policy of
    // trusted types makes the address of the verifier's worker, and nothing else.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types fedcloud-verifier";

    private static readonly FrozenDictionary<string, string> Types = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [".html"] = "text/html; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".svg"] = "image/svg+xml",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, StaticFile> Files = Read().ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The names of the files.</summary>
    public static IReadOnlyCollection<string> Names => Files.Keys;

    /// <summary>Answers a request for a file, or for the page itself where the path names none.</summary>
    /// <param name="http">The exchange.</param>
    public static IResult Answer(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        string name = http.Request.Path.StartsWithSegments(Path, StringComparison.Ordinal, out PathString rest) ? (rest.Value ?? string.Empty).TrimStart('/') : string.Empty;
        if (!Files.TryGetValue(name.Length == 0 ? Start : name, out StaticFile? found))
        {
            return ApiProblem.Of(new FedCloudException(ErrorCodes.RouteMissing, "expected a file of the dashboard, found another name"));
        }

        IHeaderDictionary headers = http.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";

        // A newer host has newer files under the same names.
        headers.CacheControl = "no-cache";
        return Results.Bytes(found.Bytes, found.Type, entityTag: found.Tag);
    }

    private static IEnumerable<KeyValuePair<string, StaticFile>> Read()
    {
        Assembly assembly = typeof(DashboardFiles).Assembly;
        foreach (string resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Resources, StringComparison.Ordinal)))
        {
            using Stream stream = assembly.GetManifestResourceStream(resource) ?? throw new InvalidOperationException("a resource that is listed is there");
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            EntityTagHeaderValue tag = new($"\"{Sha256Digest.Of(bytes).Hex[..32]}\"");
            yield return new(resource[Resources.Length..], new StaticFile(bytes, Types[System.IO.Path.GetExtension(resource)], tag));
        }
    }

    private sealed record StaticFile(byte[] Bytes, string Type, EntityTagHeaderValue Tag);
}
