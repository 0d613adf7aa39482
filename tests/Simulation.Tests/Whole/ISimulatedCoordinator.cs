// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Api;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Keys;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>A coordinator on either host, between two crashes.</summary>
internal interface ISimulatedCoordinator : IAsyncDisposable
{
    VerificationKey? MessageKey { get; }

    FederationState Federation { get; }

    FederationDesk Members { get; }

    WrappingKeyDesk Keys { get; }

    IEnumerable<RunState> Runs { get; }

    Task<bool> TurnAsync(CancellationToken cancellation);

    Task<RunState> SubmitAsync(RunConfig config, CancellationToken cancellation);

    Task<string?> CancelAsync(RunId job, CancellationToken cancellation);

    Task<RunDetail> DetailAsync(RunId job, CancellationToken cancellation);
}
