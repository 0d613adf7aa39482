// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace FedCloud.Api;

/// <summary>A call of the API.</summary>
/// <param name="Http">The exchange.</param>
/// <param name="Values">The parameters in the path.</param>
/// <param name="Roles">The caller's roles.</param>
public sealed record ApiCall(HttpContext Http, RouteValueDictionary Values, ApiRoles Roles)
{
    /// <summary>Ends when the caller goes away.</summary>
    public CancellationToken Cancellation => Http.RequestAborted;

    /// <summary>A parameter in the path.</summary>
    public string this[string name] => Values[name] as string ?? throw new InvalidOperationException($"the route has no {name}");

    /// <summary>A number in the path.</summary>
    /// <exception cref="FedCloudException"><c>request_malformed</c>.</exception>
    public int Number(string name) => int.TryParse(this[name], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
        ? number
        : throw new FedCloudException(ErrorCodes.RequestMalformed, $"{name}: expected a number, found another text");

    /// <summary>A number of the query that is not negative; null where it is absent.</summary>
    /// <exception cref="FedCloudException"><c>request_malformed</c>.</exception>
    public long? OptionalNumber(string name) => Query(name) is not { Length: > 0 } text ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
        : throw new FedCloudException(ErrorCodes.RequestMalformed, $"{name}: expected a number, found another text");

    /// <summary>A parameter of the query that is <c>true</c> or <c>false</c>; false where it is absent.</summary>
    /// <exception cref="FedCloudException"><c>request_malformed</c>.</exception>
    public bool Flag(string name) => Http.Request.Query[name].ToString() is not { Length: > 0 } text ? false
        : bool.TryParse(text, out bool flag) ? flag
        : throw new FedCloudException(ErrorCodes.RequestMalformed, $"{name}: expected true or false, found another text");

    /// <summary>A parameter of the query.</summary>
    public string Query(string name) => Http.Request.Query[name].ToString();

    /// <summary>The body.</summary>
    /// <param name="maxBytes">The most bytes.</param>
    /// <exception cref="FedCloudException"><c>message_too_large</c>.</exception>
    public async Task<byte[]> BodyAsync(int maxBytes)
    {
        byte[] buffer = new byte[maxBytes + 1];
        int read = await Http.Request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, Cancellation);
        return read <= maxBytes ? buffer[..read] : throw new FedCloudException(ErrorCodes.MessageTooLarge, $"expected at most {maxBytes} bytes, found more");
    }
}
