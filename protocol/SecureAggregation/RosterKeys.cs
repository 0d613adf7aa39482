// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Who may sign, as an auditor takes it from the roster.</summary>
/// <param name="IdentityKeys">The silos' identity keys by index.</param>
/// <param name="CoordinatorKeys">The coordinator's keys.</param>
public sealed record RosterKeys(ImmutableSortedDictionary<int, VerificationKey> IdentityKeys, ImmutableArray<VerificationKey> CoordinatorKeys);
