// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A share that fails its commitment.</summary>
/// <param name="Responder">The silo that sent it, to which it is attributed.</param>
/// <param name="Dealer">The silo whose secret it is a share of.</param>
/// <param name="Kind">Which secret.</param>
public sealed record ShareFault(int Responder, int Dealer, ShareKind Kind);
