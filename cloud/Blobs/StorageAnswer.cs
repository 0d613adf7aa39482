// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Net;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Blobs;

/// <summary>What the storage said to a request that it did not carry out ("Blob service error codes", learn.microsoft.com).</summary>
/// <param name="Status">The status.</param>
/// <param name="Code">The storage's own code, or "none".</param>
/// <param name="RequestId">The storage's id of the request, or "none".</param>
internal readonly record struct StorageAnswer(HttpStatusCode Status, string Code, string RequestId)
{
    private const int LongestText = 60;

    /// <summary>Whether there is no such container, which is never an expected outcome.</summary>
    public bool IsContainerMissing => Status == HttpStatusCode.NotFound && Code is "ContainerNotFound";

    /// <summary>Whether a condition or a lease does not hold: the blob is there, or gone, or changed, or another's.</summary>
    public bool IsConditionFailed => Status switch
    {
        HttpStatusCode.PreconditionFailed => true,
        HttpStatusCode.NotFound => Code is not "ContainerNotFound",
        HttpStatusCode.Conflict => Code is not ("ContainerBeingDeleted" or "ContainerDisabled" or "AccountBeingCreated"),

        // Somebody else committed the blob, which drops our staged blocks.
        HttpStatusCode.BadRequest => Code is "InvalidBlockList",
        _ => false,
    };

    /// <summary>Whether the same request may be answered otherwise a little later.</summary>
    public static bool IsTransient(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
        or HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    /// <summary>The error that the answer stands for.</summary>
    /// <param name="right">The right that the request needs: read, create, write, list, delete.</param>
    /// <param name="what">The blob or container.</param>
    /// <param name="cause">The error beneath.</param>
    public FedCloudException Failure(string right, string what, Exception? cause = null)
    {
        string found = string.Create(CultureInfo.InvariantCulture, $"found {(int)Status} {Printable(Code)} (request {Printable(RequestId)})");
        return Status switch
        {
            HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized => new(ErrorCodes.StorageDenied, $"{what}: expected the right to {right}, {found}", cause: cause),
            HttpStatusCode.NotFound when IsContainerMissing => new(ErrorCodes.ContainerMissing, $"{what}: expected the container, {found}", cause: cause),
            _ when IsTransient(Status) => new(ErrorCodes.StorageUnreachable, $"{what}: {found} after several tries", cause: cause),
            _ => new(ErrorCodes.StorageFailed, $"{what}: expected to {right}, {found}", cause: cause),
        };
    }

    private static string Printable(string text) => string.Concat(text.Take(LongestText).Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' ? c : '?'));
}
