// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What E4 brings a holder from one dealer.</summary>
/// <param name="Shares">The dealer's signed <see cref="SharesBody"/>.</param>
/// <param name="Ciphertext">The ciphertext for the holder; empty for the holder's own shares.</param>
/// <param name="Slice">The holder's commitment slice.</param>
public sealed record ShareDelivery(DsseEnvelope Shares, byte[] Ciphertext, byte[] Slice);
