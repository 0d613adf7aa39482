// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Api;
using FedCloud.Api.Events;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Storage;
using FedCloud.Functions.Http;
using FedCloud.Functions.Orchestrations;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace FedCloud.Functions;

/// <summary>Puts the host together.</summary>
public static class CloudServices
{
    private static readonly TimeSpan StepTimeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan InvitationValidity = TimeSpan.FromDays(7);

    /// <summary>Adds what functions need.</summary>
    public static void Add(IServiceCollection services, CloudSettings settings)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(settings);
        CloudParts parts = new(settings, TimeProvider.System);
        CoordinatorOptions options = new()
        {
            Federation = settings.Federation,
            Scratch = Directory.CreateTempSubdirectory("fedcloud-").FullName,
            StepTimeout = StepTimeout,
            AuditWindow = TimeSpan.FromDays(settings.AuditWindowDays),
            WrappingKeyGrace = TimeSpan.FromDays(settings.KeyGraceDays),
            IsShared = true,
            MakesContainers = false,
            Deployment = Deployment.Of(AppContext.BaseDirectory),
            InBackground = false,

            // The vault rotates by its own policy, and says so.
            WrappingKeyLife = null,
        };
        services.AddSingleton(parts.OpenStore());
        services.AddSingleton(parts.OpenMailboxes());
        services.AddSingleton(parts.OpenVault());
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton<DurableOrchestrations>();
        services.AddSingleton<IOrchestrations>(provider => provider.GetRequiredService<DurableOrchestrations>());

        // A silo's queue is its bell.
        services.AddSingleton<ICoordinatorEvents>(provider => new LoggedEvents(static _ => { }, provider.GetRequiredService<ILoggerFactory>().CreateLogger("FedCloud")));
        services.AddSingleton<SharedCoordinator>();
        services.AddSingleton(provider => new ModelShelf(provider.GetRequiredService<Cloud.Blobs.IBlobStore>(), settings.Federation));
        services.AddSingleton(provider =>
        {
            CoordinatorWork work = provider.GetRequiredService<SharedCoordinator>().Work;
            ApiRoutes routes = new(work, provider.GetRequiredService<ModelShelf>(), options.Scratch, (silo, code, _) => Invite(settings, work, silo, code));
            return new ApiEndpoint(routes, new PlatformPrincipal(settings.HasApi).RolesOf);
        });
    }

    // The silo has an identity in Entra, with its rights from the deployment: an invitation holds the code, and where everything is.
    private static SiloInvitation Invite(CloudSettings settings, CoordinatorWork work, SiloId silo, string code) => new()
    {
        V = 1,
        Federation = settings.Federation,
        SiloId = silo,
        Code = code,
        CoordinatorSpki = (work.MessageKey ?? throw new InvalidOperationException("the coordinator is started")).ToBase64(),
        LogVkey = work.Members.State.LogVkey,
        StorageEndpoint = settings.Storage.AbsoluteUri,
        LogEndpoint = settings.AuditStorage.AbsoluteUri,
        ServiceBus = settings.ServiceBus,
        Sas = System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty,
        BellUrl = string.Empty,
        BellToken = string.Empty,
        Expires = TimeProvider.System.GetUtcNow() + InvitationValidity,
    };
}
