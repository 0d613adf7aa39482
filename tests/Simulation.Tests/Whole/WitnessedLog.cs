// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.PlainMode;
using FedCloud.SiloAgent.Audit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>A log that has every round under enough lines, where a schedule is not about the log.</summary>
internal sealed class WitnessedLog : ILogView
{
    public Task<LogLook> FollowAsync(ImmutableArray<Roster> rosters, CancellationToken cancellation) => Task.FromResult<LogLook>(new LogLook.Nothing());

    public Task<RoundSighting> SeekAsync(Sha256Digest rid, PlainStartBody start, long? agentStarted, ImmutableArray<Roster> rosters, CancellationToken cancellation) =>
        Task.FromResult<RoundSighting>(new RoundSighting.Witnessed(1));
}
