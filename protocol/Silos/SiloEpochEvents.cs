// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Silos;

/// <summary>The agent starts (rule J7).</summary>
/// <param name="At">When.</param>
/// <param name="IsContinuous">Whether the host proved that nothing of the silo was restored or cloned since the last line.</param>
/// <param name="Token">The hash of this start's token; null where the host has none.</param>
public sealed record AgentRestarted(DateTimeOffset At, bool IsContinuous, Sha256Digest? Token) : SiloEvent(At);

/// <summary>The log shows a masked vector of this silo whose journal head this journal lacks (rule J7).</summary>
/// <param name="At">When.</param>
/// <param name="Head">The head.</param>
public sealed record JournalOlder(DateTimeOffset At, Sha256Digest Head) : SiloEvent(At);

/// <summary>Another roster is in force.</summary>
/// <param name="At">When.</param>
/// <param name="RosterSha256">Its hash.</param>
/// <param name="OnlyGrew">Whether it only adds members, or changes a key of the operator that is not stolen: rounds in progress may end.</param>
public sealed record RosterFollowed(DateTimeOffset At, Sha256Digest RosterSha256, bool OnlyGrew) : SiloEvent(At);

/// <summary>The coordinator calls an epoch.</summary>
/// <param name="At">When.</param>
/// <param name="Parameters">The parameters, recomputed from the silo's own roster.</param>
/// <param name="Idx">The silo's index in it.</param>
public sealed record EpochCalled(DateTimeOffset At, EpochParams Parameters, int Idx) : SiloEvent(At);

/// <summary>The secrets of an epoch are made and stored.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="Body">E1.</param>
public sealed record EpochKeysMade(DateTimeOffset At, Sha256Digest Sid, AdvertiseBody Body) : SiloEvent(At);

/// <summary>E2 is verified and stored.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="L1">The hash of the list.</param>
public sealed record ListReceived(DateTimeOffset At, Sha256Digest Sid, Sha256Digest L1) : SiloEvent(At);

/// <summary>The shares are dealt, and stored as they will be sent.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="Body">E3.</param>
public sealed record SharesDealt(DateTimeOffset At, Sha256Digest Sid, SharesBody Body) : SiloEvent(At);

/// <summary>E4 is verified, and the shares are stored.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="Cohort">U2, ascending.</param>
/// <param name="Body">E5.</param>
public sealed record SharesAccepted(DateTimeOffset At, Sha256Digest Sid, ImmutableArray<int> Cohort, ShareAckBody Body) : SiloEvent(At);

/// <summary>A dealer's shares are wrong.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="Body">The complaint.</param>
public sealed record SharesRefused(DateTimeOffset At, Sha256Digest Sid, ComplaintBody Body) : SiloEvent(At);

/// <summary>An epoch has lived for seven days (rule J11).</summary>
/// <param name="At">When it was noticed.</param>
/// <param name="Sid">The epoch.</param>
public sealed record EpochExpired(DateTimeOffset At, Sha256Digest Sid) : SiloEvent(At);

/// <summary>The update is masked in its slot, and the vector is stored.</summary>
/// <param name="At">When.</param>
/// <param name="Job">The run.</param>
/// <param name="Body">R2, with the journal's head before this line.</param>
public sealed record UpdateMasked(DateTimeOffset At, RunId Job, MaskedBody Body) : SiloEvent(At);

/// <summary>R3 is verified, and the list is stored.</summary>
/// <param name="At">When.</param>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
/// <param name="U3Sha256">The list.</param>
/// <param name="Identity">The identity of the coordinator's body, as evidence.</param>
public sealed record U3Shown(DateTimeOffset At, RunId Job, Sha256Digest Rid, Sha256Digest U3Sha256, Sha256Digest Identity) : SiloEvent(At);

/// <summary>R5 is verified: at least t members agreed to the list.</summary>
/// <param name="At">When.</param>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
/// <param name="U3Sha256">The list.</param>
public sealed record AgreementShown(DateTimeOffset At, RunId Job, Sha256Digest Rid, Sha256Digest U3Sha256) : SiloEvent(At);

/// <summary>A round under secure aggregation was committed.</summary>
/// <param name="At">When.</param>
/// <param name="Version">The version that it made, as the coordinator signed it.</param>
public sealed record VersionReceived(DateTimeOffset At, CommittedVersion Version) : SiloEvent(At);

/// <summary>A message shows that the coordinator broke the protocol.</summary>
/// <param name="At">When.</param>
/// <param name="Job">The run; null when it is about an epoch.</param>
/// <param name="Code">How; a code.</param>
/// <param name="Evidence">The hashes of the bodies that show it.</param>
public sealed record Misbehaved(DateTimeOffset At, RunId? Job, string Code, ImmutableArray<Sha256Digest> Evidence) : SiloEvent(At);
