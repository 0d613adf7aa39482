// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;

namespace FedCloud.Api;

/// <summary>The API as one endpoint: who calls first, then what is called. Without a role nobody learns whether a path or an id exists.</summary>
/// <param name="routes">The routes.</param>
/// <param name="rolesOf">The caller's roles; none for a caller who proves nothing.</param>
public sealed class ApiEndpoint(ApiRoutes routes, Func<HttpContext, ApiRoles> rolesOf)
{
    private readonly (ApiRoute Route, TemplateMatcher Matcher)[] _all = [.. routes.All.Select(route => (route, new TemplateMatcher(TemplateParser.Parse(route.Template.TrimStart('/')), [])))];

    /// <summary>Answers a call of any path below <c>/api</c>.</summary>
    /// <param name="http">The exchange.</param>
    /// <param name="prepare">What is to be done before, for a caller who has a role; null for nothing.</param>
    public async Task<IResult> AnswerAsync(HttpContext http, Func<CancellationToken, Task>? prepare = null)
    {
        ArgumentNullException.ThrowIfNull(http);
        ForbidStoring(http);
        try
        {
            ApiRoles roles = Require(http);
            await (prepare?.Invoke(http.RequestAborted) ?? Task.CompletedTask);
            foreach ((ApiRoute route, TemplateMatcher matcher) in _all.Where(one => HttpMethods.Equals(one.Route.Method, http.Request.Method)))
            {
                RouteValueDictionary values = [];
                if (matcher.TryMatch(http.Request.Path, values))
                {
                    return await AnswerAsync(route, new ApiCall(http, values, roles));
                }
            }

            throw new FedCloudException(ErrorCodes.RouteMissing, "expected a path of the API, found another");
        }
        catch (Exception error) when (error is not OperationCanceledException || !http.RequestAborted.IsCancellationRequested)
        {
            return ApiProblem.Of(error);
        }
    }

    /// <summary>Answers a call of a route that the host has found.</summary>
    public Task<IResult> AnswerAsync(ApiRoute route, HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        ForbidStoring(http);
        return AnswerAsync(route, new ApiCall(http, http.Request.RouteValues, Require(http)));
    }

    // An answer is of now, and its caller's alone (RFC 9111, section 5.2.2.5): a browser that kept the evidence would take a log for unchanged that was changed within the same second.
    private static void ForbidStoring(HttpContext http) => http.Response.Headers.CacheControl = "no-store";

    private static Task<IResult> AnswerAsync(ApiRoute route, ApiCall call)
    {
        if ((call.Roles & route.Roles) == ApiRoles.None)
        {
            throw new FedCloudException(ErrorCodes.RoleRefused, $"expected the role {route.Roles}, found {call.Roles}");
        }

        if (route.MaxBodyBytes is { } most && call.Http.Request.ContentLength > most)
        {
            throw new FedCloudException(ErrorCodes.MessageTooLarge, $"expected at most {most} bytes, found {call.Http.Request.ContentLength}");
        }

        return route.AnswerAsync(call);
    }

    private ApiRoles Require(HttpContext http) => rolesOf(http) is not ApiRoles.None and var roles
        ? roles
        : throw new FedCloudException(ErrorCodes.TokenRefused, "expected a valid bearer token, found none or another");
}
