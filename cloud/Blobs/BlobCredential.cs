// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Azure.Core;
using FedCloud.Cloud.Credentials;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Blobs;

/// <summary>What opens the storage: it changes a request so that the storage takes it.</summary>
public abstract class BlobCredential
{
    /// <summary>Whether large content may go by staged blocks. Signatures for silos allow single puts only.</summary>
    internal virtual bool MayStageBlocks => true;

    /// <summary>Whether this credential creates blobs in a container but never overwrites them.</summary>
    internal virtual bool CreatesOnly(string container) => false;

    /// <summary>Signs a request, as its last change.</summary>
    internal abstract Task ApplyAsync(HttpRequestMessage request, string container, CancellationToken cancellation);
}

/// <summary>The account key. Only the coordinator of a local federation holds it.</summary>
/// <param name="account">The account.</param>
/// <param name="key">The key, base64.</param>
public sealed class SharedKeyCredential(string account, string key) : BlobCredential
{
    private readonly byte[] _key = Convert.FromBase64String(key);

    /// <summary>The account.</summary>
    public string Account { get; } = account;

    /// <inheritdoc/>
    public override string ToString() => $"the key of the account {Account}";

    /// <summary>HMAC-SHA256 of a string to sign, base64.</summary>
    internal string Sign(string text) => Convert.ToBase64String(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(text)));

    // "Authorize with Shared Key", Blob service, version 2009-09-19 and later (learn.microsoft.com).
    internal override Task ApplyAsync(HttpRequestMessage request, string container, CancellationToken cancellation)
    {
        HttpContentHeaders? content = request.Content?.Headers;
        long length = content?.ContentLength ?? 0;
        string[] lines =
        [
            request.Method.Method,
            string.Empty,
            string.Empty,
            length == 0 ? string.Empty : length.ToString(CultureInfo.InvariantCulture),
            string.Empty,
            content?.ContentType?.ToString() ?? string.Empty,
            string.Empty,
            string.Empty,
            request.Headers.IfMatch.FirstOrDefault()?.ToString() ?? string.Empty,
            request.Headers.IfNoneMatch.FirstOrDefault()?.ToString() ?? string.Empty,
            string.Empty,
            request.Headers.Range?.ToString() ?? string.Empty,
        ];
        IEnumerable<string> storageHeaders = request.Headers
            .Where(header => header.Key.StartsWith("x-ms-", StringComparison.OrdinalIgnoreCase))
            .Select(header => (Name: header.Key.ToLowerInvariant(), Value: string.Join(',', header.Value)))
            .OrderBy(header => header.Name, StringComparer.Ordinal)
            .Select(header => $"{header.Name}:{header.Value}");
        Uri uri = request.RequestUri ?? throw new InvalidOperationException("a request has an address");
        IEnumerable<string> query = uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=', 2))
            .Select(pair => (Name: Uri.UnescapeDataString(pair[0]).ToLowerInvariant(), Value: Uri.UnescapeDataString(pair.Length > 1 ? pair[1] : string.Empty)))
            .OrderBy(pair => pair.Name, StringComparer.Ordinal)
            .Select(pair => $"{pair.Name}:{pair.Value}");
        string resource = string.Join('\n', [$"/{Account}{uri.AbsolutePath}", .. query]);
        string text = string.Join('\n', [.. lines, .. storageHeaders, resource]);
        request.Headers.Authorization = new AuthenticationHeaderValue("SharedKey", $"{Account}:{Sign(text)}");
        return Task.CompletedTask;
    }
}

/// <summary>Shared access signatures, one a container: what a silo holds.</summary>
/// <param name="tokens">The query string of each container's signature.</param>
public sealed class SasCredential(ImmutableSortedDictionary<string, string> tokens) : BlobCredential
{
    /// <inheritdoc/>
    internal override bool MayStageBlocks => false;

    /// <inheritdoc/>
    internal override bool CreatesOnly(string container) =>
        tokens.TryGetValue(container, out string? token)
        && token.Split('&').FirstOrDefault(part => part.StartsWith("sp=", StringComparison.Ordinal)) is { } permissions
        && permissions.Contains('c', StringComparison.Ordinal) && !permissions.Contains('w', StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => $"shared access signatures for {string.Join(", ", tokens.Keys)}";

    internal override Task ApplyAsync(HttpRequestMessage request, string container, CancellationToken cancellation)
    {
        string token = tokens.TryGetValue(container, out string? found)
            ? found
            : throw new FedCloudException(ErrorCodes.StorageDenied, $"this credential opens no container {container}");
        Uri uri = request.RequestUri ?? throw new InvalidOperationException("a request has an address");
        request.RequestUri = new Uri(uri.AbsoluteUri + (uri.Query.Length == 0 ? "?" : "&") + token);
        return Task.CompletedTask;
    }
}

/// <summary>An OAuth token, such as a managed identity's.</summary>
/// <param name="token">Gets a token that is valid now.</param>
/// <param name="createsOnly">The containers in which the identity creates blobs and may do nothing else; with any, content goes by single puts. Null for none.</param>
public sealed class BearerCredential(Func<CancellationToken, Task<string>> token, ImmutableHashSet<string>? createsOnly = null) : BlobCredential
{
    private readonly ImmutableHashSet<string> _createsOnly = createsOnly ?? [];

    /// <inheritdoc/>
    internal override bool MayStageBlocks => _createsOnly.IsEmpty;

    /// <summary>The token of an identity of Microsoft Entra ID, kept until five minutes before its end.</summary>
    /// <param name="credential">The identity.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <param name="createsOnly">The containers in which the identity creates blobs and may do nothing else.</param>
    public static BearerCredential Of(TokenCredential credential, TimeProvider? time = null, params ReadOnlySpan<string> createsOnly) =>
        new(new EntraToken(credential, EntraToken.StorageScope, time).GetAsync, [.. createsOnly]);

    /// <inheritdoc/>
    internal override bool CreatesOnly(string container) => _createsOnly.Contains(container);

    internal override async Task ApplyAsync(HttpRequestMessage request, string container, CancellationToken cancellation)
    {
        // Whoever reads the token on the way is this identity for its lifetime.
        if (request.RequestUri is not { Scheme: "https" })
        {
            throw new FedCloudException(ErrorCodes.StorageDenied, "expected an endpoint with https for an identity's token, found another", "set the storage's https endpoint");
        }

        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await token(cancellation));
    }
}
