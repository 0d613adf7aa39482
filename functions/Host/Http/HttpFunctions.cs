// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Api;
using FedCloud.Coordinator;
using FedCloud.Functions.Orchestrations;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Http;

/// <summary>The HTTP API as one function: its routes and roles stand in <see cref="ApiRoutes"/>.</summary>
/// <param name="coordinator">The coordinator.</param>
/// <param name="orchestrations">Hears of the client.</param>
/// <param name="api">The API.</param>
public sealed class HttpFunctions(SharedCoordinator coordinator, DurableOrchestrations orchestrations, ApiEndpoint api)
{
    /// <summary>Whether the host is up. Says nothing else: anybody may ask.</summary>
    [Function("Health")]
    public static IResult Health([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "health")] HttpRequest request) => Results.Text("ok");

    /// <summary>The dashboard's files: anybody may have them, they hold no data.</summary>
    [Function("Dashboard")]
    public static IResult Dashboard([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dashboard/{*file}")] HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return DashboardFiles.Answer(request.HttpContext);
    }

    /// <summary>Answers a call of the API.</summary>
    [Function("Api")]
    public async Task<IResult> AnswerAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", "post", "put", "delete", Route = "api/{*path}")] HttpRequest request,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        orchestrations.Use(client);
        IResult answer = await api.AnswerAsync(request.HttpContext, coordinator.StartAsync);
        await coordinator.WakeLogAsync(cancellation);
        return answer;
    }
}
