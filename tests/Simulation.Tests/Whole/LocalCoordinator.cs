// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Api;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Keys;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The coordinator in one process.</summary>
internal sealed class LocalCoordinator(CoordinatorService service) : ISimulatedCoordinator
{
    public VerificationKey? MessageKey => service.MessageKey;

    public FederationState Federation => service.Federation;

    public FederationDesk Members => service.Members;

    public WrappingKeyDesk Keys => service.Work.Keys;

    public IEnumerable<RunState> Runs => service.Runs;

    public Task<bool> TurnAsync(CancellationToken cancellation) => service.TurnAsync(cancellation);

    public Task<RunState> SubmitAsync(RunConfig config, CancellationToken cancellation) => service.SubmitAsync(config, cancellation);

    public Task<string?> CancelAsync(RunId job, CancellationToken cancellation) => service.CancelAsync(job, cancellation);

    public Task<RunDetail> DetailAsync(RunId job, CancellationToken cancellation) => service.DetailAsync(job, cancellation);

    public ValueTask DisposeAsync() => service.DisposeAsync();
}
