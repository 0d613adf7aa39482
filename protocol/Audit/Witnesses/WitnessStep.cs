// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>What an event does to a witness.</summary>
/// <param name="State">The state now; null while it has none.</param>
/// <param name="Effects">What the host does, in this order.</param>
/// <param name="Refused">Why the witness does not sign, or null.</param>
public sealed record WitnessStep(WitnessState? State, ImmutableArray<WitnessEffect> Effects, ErrorCode? Refused = null);
