// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Silos;

/// <summary>Tell the coordinator which epochs are held here.</summary>
/// <param name="Sids">The epochs.</param>
public sealed record ReportEpochs(ImmutableArray<Sha256Digest> Sids) : SiloEffect;

/// <summary>Make the secrets of an epoch and store them; the same secrets when it is done again. Answers with <see cref="EpochKeysMade"/>.</summary>
/// <param name="Parameters">The epoch.</param>
/// <param name="Idx">The silo's index.</param>
public sealed record MakeEpochKeys(EpochParams Parameters, int Idx) : SiloEffect;

/// <summary>Send E1.</summary>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendAdvertise(AdvertiseBody Body) : SiloEffect;

/// <summary>Deal shares for the stored list, and store them as they will be sent; the same bytes when it is done again. Answers with <see cref="SharesDealt"/>.</summary>
/// <param name="Sid">The epoch.</param>
public sealed record DealShares(Sha256Digest Sid) : SiloEffect;

/// <summary>Upload and send E3, and erase the seed of the coefficients.</summary>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendShares(SharesBody Body) : SiloEffect;

/// <summary>Send E5.</summary>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendAcknowledgement(ShareAckBody Body) : SiloEffect;

/// <summary>Send a complaint instead of E5.</summary>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendComplaint(ComplaintBody Body) : SiloEffect;

/// <summary>Erase the secrets and shares of a slot (rule J6).</summary>
/// <param name="Sid">The epoch.</param>
/// <param name="Slot">The slot.</param>
public sealed record EraseSlot(Sha256Digest Sid, int Slot) : SiloEffect;

/// <summary>Erase all secrets of an epoch.</summary>
/// <param name="Sid">The epoch.</param>
public sealed record EraseEpoch(Sha256Digest Sid) : SiloEffect;

/// <summary>Clip, quantise and mask the round's update in its armed slot, and store the vector. Answers with <see cref="UpdateMasked"/>, or <see cref="TrainingFailed"/> when it cannot be masked.</summary>
/// <param name="Rid">The round.</param>
/// <param name="Start">The round.</param>
/// <param name="Idx">The silo's index.</param>
/// <param name="Weight">The declared weight.</param>
public sealed record MaskUpdate(Sha256Digest Rid, RoundOpening Start, int Idx, long Weight) : SiloEffect;

/// <summary>Encrypt the masked vector with a fresh data key and upload it. Answers with <see cref="UpdateUploaded"/> or <see cref="UploadRefused"/>.</summary>
/// <param name="Start">The round.</param>
/// <param name="Body">R2.</param>
/// <param name="Attempt">The attempt; names the blob.</param>
public sealed record UploadMasked(RoundOpening Start, MaskedBody Body, int Attempt) : SiloEffect;

/// <summary>Send R2.</summary>
/// <param name="Start">The round.</param>
/// <param name="Body">The body to sign and send.</param>
/// <param name="Attempt">The attempt whose blob holds the envelope.</param>
/// <param name="Metrics">The figures to send along; null when there are none.</param>
public sealed record SendMasked(RoundOpening Start, MaskedBody Body, int Attempt, MetricsBody? Metrics) : SiloEffect;

/// <summary>Send R4.</summary>
/// <param name="Job">The run.</param>
/// <param name="Round">The round's number.</param>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendConsistency(RunId Job, int Round, ConsistencyBody Body) : SiloEffect;

/// <summary>Reveal the shares that open the stored list (R6), encrypted for the coordinator.</summary>
/// <param name="Job">The run.</param>
/// <param name="Round">The round's number.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="Slot">The slot.</param>
/// <param name="Rid">The round.</param>
public sealed record SendUnmask(RunId Job, int Round, Sha256Digest Sid, int Slot, Sha256Digest Rid) : SiloEffect;

/// <summary>Say that the slot of a round is burned.</summary>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendBurned(BurnedBody Body) : SiloEffect;
