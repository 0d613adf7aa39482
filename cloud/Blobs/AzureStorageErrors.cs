// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net;
using Azure;
using Azure.Identity;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Blobs;

/// <summary>What the storage client throws, in our vocabulary.</summary>
internal static class AzureStorageErrors
{
    /// <summary>The storage's answer that an error stands for.</summary>
    public static StorageAnswer AnswerOf(RequestFailedException error) =>
        new((HttpStatusCode)error.Status, error.ErrorCode ?? "none", error.GetRawResponse()?.Headers.TryGetValue("x-ms-request-id", out string? id) == true ? id ?? "none" : "none");

    /// <summary>Whether the error says that a condition or a lease does not hold.</summary>
    public static bool IsConditionFailed(RequestFailedException error) => AnswerOf(error).IsConditionFailed;

    /// <summary>Whether an error is the storage's or the way's, and not our own, such as the caller's cancellation or a missing file to upload.</summary>
    public static bool IsTrouble(Exception error, CancellationToken cancellation) =>
        error is RequestFailedException or AuthenticationFailedException or AggregateException or HttpRequestException
        || error is IOException and not (FileNotFoundException or DirectoryNotFoundException)
        || (error is OperationCanceledException && !cancellation.IsCancellationRequested);

    /// <summary>The error to throw instead.</summary>
    /// <param name="error">What the client threw.</param>
    /// <param name="right">The right that the request needs.</param>
    /// <param name="what">The blob or container.</param>
    public static FedCloudException Of(Exception error, string right, string what) => error switch
    {
        // Status 0: no answer came. The client gathers the errors of all its tries when none was answered.
        RequestFailedException { Status: not 0 } answered => AnswerOf(answered).Failure(right, what, answered),
        AuthenticationFailedException => new(ErrorCodes.SignInFailed, $"{what}: expected a token for the storage, found none", cause: error),
        _ => new(ErrorCodes.StorageUnreachable, $"{what}: no answer after several tries", cause: error),
    };
}
