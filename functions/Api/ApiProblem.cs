// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Api;
using FedCloud.Protocol.Errors;
using Microsoft.AspNetCore.Http;

namespace FedCloud.Api;

/// <summary>Errors as the API says them: problem+json (RFC 9457) with the vocabulary's code, and no word of what is unexpected.</summary>
public static class ApiProblem
{
    /// <summary>The answer to a call that failed.</summary>
    public static IResult Of(Exception? thrown)
    {
        FedCloudException error = thrown switch
        {
            FedCloudException known => known,
            BadHttpRequestException => new FedCloudException(ErrorCodes.RequestMalformed, "the request does not have the form of the API"),
            _ => new FedCloudException(ErrorCodes.InternalError, $"{thrown?.GetType().Name ?? "an unknown error"}"),
        };
        int status = StatusOf(error.Code);
        Problem problem = new("about:blank", error.Code.Meaning, status, error.Found, error.Code.Name, error.NextStep);
        return Results.Json(problem, ApiJson.Default.Problem, "application/problem+json", status);
    }

    private static int StatusOf(ErrorCode code) => code.Exit switch
    {
        _ when code == ErrorCodes.TokenRefused => StatusCodes.Status401Unauthorized,
        _ when code == ErrorCodes.MessageTooLarge => StatusCodes.Status413PayloadTooLarge,
        _ when code.Name.EndsWith("_missing", StringComparison.Ordinal) => StatusCodes.Status404NotFound,
        _ when code.Name.EndsWith("_exists", StringComparison.Ordinal) => StatusCodes.Status409Conflict,
        ExitCode.Unusable or ExitCode.VerificationFailed => StatusCodes.Status400BadRequest,
        ExitCode.Refused => StatusCodes.Status403Forbidden,
        ExitCode.Unreachable or ExitCode.NotSetUp => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };
}
