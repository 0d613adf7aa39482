// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>What an orchestrator's code did in an episode: its actions, its end if it came to one, events it leaves to its next generation, its status.</summary>
internal sealed record EpisodeOutcome(ImmutableArray<HistoryEvent> Actions, HistoryEvent? End, ImmutableArray<EventRaised> Carried, string? CustomStatus);
