// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics.CodeAnalysis;
using System.Text;
using Azure;
using Azure.Core;

namespace FedCloud.Cloud.Tests;

/// <summary>An answer of a service as the clients hand it on.</summary>
internal sealed class FakeResponse(int status, string body = "", params (string Name, string Value)[] headers) : Response
{
    private Stream? _content = new MemoryStream(Encoding.UTF8.GetBytes(body));

    public override int Status => status;

    public override string ReasonPhrase => string.Empty;

    public override Stream? ContentStream
    {
        get => _content;
        set => _content = value;
    }

    public override string ClientRequestId { get; set; } = string.Empty;

    /// <summary>A successful answer with this value.</summary>
    public static Response<T> With<T>(T value) => FromValue(value, new FakeResponse(200));

    public override void Dispose()
    {
    }

    protected override bool TryGetHeader(string name, [NotNullWhen(true)] out string? value)
    {
        value = headers.FirstOrDefault(header => string.Equals(header.Name, name, StringComparison.OrdinalIgnoreCase)).Value;
        return value is not null;
    }

    protected override bool TryGetHeaderValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
    {
        values = TryGetHeader(name, out string? value) ? [value] : null;
        return values is not null;
    }

    protected override bool ContainsHeader(string name) => TryGetHeader(name, out _);

    protected override IEnumerable<HttpHeader> EnumerateHeaders() => headers.Select(header => new HttpHeader(header.Name, header.Value));
}

/// <summary>A list that a service gives in pages.</summary>
internal sealed class FakePages<T>(Func<IEnumerable<IReadOnlyList<T>>> pages) : AsyncPageable<T>
    where T : notnull
{
    public override async IAsyncEnumerable<Page<T>> AsPages(string? continuationToken = null, int? pageSizeHint = null)
    {
        foreach (IReadOnlyList<T> page in pages())
        {
            await Task.Yield();
            yield return Page<T>.FromValues(page, null, new FakeResponse(200));
        }
    }
}
