// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.AspNetCore.Http;

namespace FedCloud.Api;

/// <summary>One route of the API, for any host that speaks HTTP.</summary>
public sealed record ApiRoute
{
    /// <summary>The method.</summary>
    public required string Method { get; init; }

    /// <summary>The path with its parameters, below <c>/api</c>.</summary>
    public required string Template { get; init; }

    /// <summary>The roles of which the caller must have one.</summary>
    public required ApiRoles Roles { get; init; }

    /// <summary>What it does.</summary>
    public required string Summary { get; init; }

    /// <summary>Answers a call whose caller has the role.</summary>
    public required Func<ApiCall, Task<IResult>> AnswerAsync { get; init; }

    /// <summary>The JSON that it answers with; null for other answers.</summary>
    public Type? Produces { get; init; }

    /// <summary>The JSON that it takes; null for none.</summary>
    public Type? Accepts { get; init; }

    /// <summary>The content type of answers that are no JSON.</summary>
    public string? ContentType { get; init; }

    /// <summary>The status of its answer.</summary>
    public int Status { get; init; } = StatusCodes.Status200OK;

    /// <summary>The largest body in bytes; null where the route itself reads a long one as a stream.</summary>
    public int? MaxBodyBytes { get; init; } = 0;
}
