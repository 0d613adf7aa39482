// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Ledgers;

/// <summary>What follows from a request.</summary>
/// <param name="State">The ledger after the new entries.</param>
/// <param name="Entries">The new entries, to be on disk before anything follows from them; none for a request that was granted before.</param>
/// <param name="Refusal">Why the request is refused; null when it is granted.</param>
/// <param name="RequiredEpsilon">For a reserve, the eps_max that it needs with all that is spent and reserved: for the silo's own terminal only. Null where no order has a bound, and for other requests.</param>
public sealed record LedgerStep(LedgerState State, ImmutableArray<LedgerEntry> Entries, ErrorCode? Refusal = null, decimal? RequiredEpsilon = null);
