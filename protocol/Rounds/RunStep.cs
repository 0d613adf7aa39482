// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Rounds;

/// <summary>What a step of a run leads to.</summary>
/// <param name="State">The new state.</param>
/// <param name="Effects">What the host is asked to do, in order.</param>
/// <param name="Ignored">Why the event had no effect; null when it had one.</param>
public sealed record RunStep(RunState State, ImmutableArray<RunEffect> Effects, string? Ignored = null);

/// <summary>The next moment at which a run wants to hear of the time.</summary>
/// <param name="Key">Returned in <see cref="DeadlineReached"/>.</param>
/// <param name="At">When.</param>
public sealed record RunDeadline(string Key, DateTimeOffset At);
