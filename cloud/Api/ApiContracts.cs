// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Cloud.Api;

/// <summary>A silo as the coordinator's API shows it.</summary>
/// <param name="Silo">Its id.</param>
/// <param name="Status"><c>invited</c>, <c>joined</c> (waits for signatures) or <c>member</c>.</param>
/// <param name="Idx">Its roster index; null before it is a member.</param>
/// <param name="IkSpkiSha256">The fingerprint of its identity key.</param>
/// <param name="WitnessSpkiSha256">The fingerprint of its witness key.</param>
/// <param name="AdminSpkiSha256">The fingerprint of its administrator key.</param>
public sealed record SiloSummary(SiloId Silo, string Status, int? Idx, Sha256Digest? IkSpkiSha256, Sha256Digest? WitnessSpkiSha256, Sha256Digest? AdminSpkiSha256);

/// <summary>The silos of a federation.</summary>
/// <param name="Federation">The federation.</param>
/// <param name="RosterVersion">The roster's version; 0 before the first.</param>
/// <param name="Silos">The silos.</param>
public sealed record SiloList(FederationId Federation, int RosterVersion, ImmutableArray<SiloSummary> Silos);

/// <summary>A run as a list shows it.</summary>
/// <param name="Job">Its id.</param>
/// <param name="Adapter">The adapter it trains.</param>
/// <param name="Phase">Where it stands.</param>
/// <param name="CommittedRounds">Rounds committed.</param>
/// <param name="Rounds">Rounds to commit.</param>
/// <param name="SubmittedAt">When it began.</param>
/// <param name="Reason">Why it failed; a code, else null.</param>
public sealed record RunSummary(RunId Job, string Adapter, RunPhase Phase, int CommittedRounds, int Rounds, DateTimeOffset SubmittedAt, string? Reason);

/// <summary>The runs of a federation.</summary>
/// <param name="Runs">Oldest first.</param>
public sealed record RunList(ImmutableArray<RunSummary> Runs);

/// <summary>A run with its finished rounds.</summary>
/// <param name="State">Where it stands.</param>
/// <param name="Settled">Whether all that follows from the state is done: records stored, silos told. A run that has ended and is settled does not change any more.</param>
/// <param name="Rounds">The records of finished rounds; all of them when it is settled.</param>
public sealed record RunDetail(RunState State, bool Settled, ImmutableArray<RoundRecord> Rounds)
{
    /// <summary>Whether nothing about the run will change any more.</summary>
    [JsonIgnore]
    public bool IsOver => Settled && State.IsFinal();
}

/// <summary>What a run's plan says about differential privacy. Each epsilon is a decimal string of four places, rounded up.</summary>
/// <param name="IsPublic">Whether every silo lists its data as public, so that an epsilon is a demonstration.</param>
/// <param name="Claim">What is claimed; null where nothing is.</param>
/// <param name="Course">Epsilon after some of the rounds, from the plan's noise; no guarantee of a run that stops early. Empty where it is local or nothing is claimed.</param>
public sealed record PrivacySummary(bool IsPublic, PrivacyTerms? Claim, ImmutableArray<CoursePoint> Course);

/// <summary>A privacy claim with all that belongs beside its numbers, in words.</summary>
/// <param name="Name">The claim as plans name it.</param>
/// <param name="Text">The claim.</param>
/// <param name="Unit">What is protected as one.</param>
/// <param name="Neighbours">What neighbouring data sets differ in.</param>
/// <param name="Adversary">Against whom.</param>
/// <param name="Epsilon">Of the job at its reserved maximum of steps. Where the noise is made in the silo: at most, for each silo's data set, or null where the plan gives no bound.</param>
/// <param name="Delta">Delta, as the plan gives it.</param>
/// <param name="Accountant">Which accountant.</param>
/// <param name="Sampler">Which sampler.</param>
/// <param name="IsLocal">Whether the course over the rounds is each silo's own.</param>
public sealed record PrivacyTerms(string Name, string Text, string Unit, string Neighbours, string Adversary, string? Epsilon, string Delta, string Accountant, string Sampler, bool IsLocal);

/// <summary>An epsilon after so many rounds.</summary>
/// <param name="Round">How many rounds.</param>
/// <param name="Epsilon">What they cost together.</param>
public sealed record CoursePoint(int Round, string Epsilon);

/// <summary>An adapter version.</summary>
/// <param name="Adapter">The adapter.</param>
/// <param name="Job">The run that made it.</param>
/// <param name="Version">Its number in the run.</param>
/// <param name="Sha256">The SHA-256 of its bytes.</param>
/// <param name="Latest">Whether the channel points at it.</param>
public sealed record ModelSummary(string Adapter, RunId Job, int Version, Sha256Digest Sha256, bool Latest);

/// <summary>The adapter versions of a federation.</summary>
/// <param name="Models">The versions.</param>
public sealed record ModelList(ImmutableArray<ModelSummary> Models);

/// <summary>A version of one of the coordinator's keys.</summary>
/// <param name="Key"><c>messages</c> (CK), <c>log</c> (LK) or <c>wrapping</c> (KEK).</param>
/// <param name="Kid">The vault's identifier with version.</param>
/// <param name="SpkiSha256">The fingerprint that administrators confirm.</param>
/// <param name="Status"><c>in_use</c>, <c>proposed</c> (waits for a roster), <c>retiring</c> (signs or unwraps beside its successor), <c>old</c> or <c>disabled</c>.</param>
/// <param name="Until">When a retiring key signs or unwraps no more; else null.</param>
public sealed record KeySummary(string Key, string Kid, Sha256Digest SpkiSha256, string Status, DateTimeOffset? Until);

/// <summary>The coordinator's keys.</summary>
/// <param name="Keys">By key, oldest version first.</param>
public sealed record KeyList(ImmutableArray<KeySummary> Keys);

/// <summary>Who asks.</summary>
/// <param name="Roles">The caller's roles: <c>Auditor</c>, <c>Operator</c>.</param>
public sealed record SessionSummary(ImmutableArray<string> Roles);

/// <summary>An error of the API: problem+json (RFC 9457) with the vocabulary's code.</summary>
/// <param name="Type">Always <c>about:blank</c>.</param>
/// <param name="Title">The code's meaning.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What was expected and found.</param>
/// <param name="Code">The code.</param>
/// <param name="Next">What to do next.</param>
public sealed record Problem(string Type, string Title, int Status, string Detail, string Code, string Next);

/// <summary>JSON of the API.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(SiloList))]
[JsonSerializable(typeof(RunList))]
[JsonSerializable(typeof(RunSummary))]
[JsonSerializable(typeof(RunDetail))]
[JsonSerializable(typeof(PrivacySummary))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelSummary))]
[JsonSerializable(typeof(KeyList))]
[JsonSerializable(typeof(LogPage))]
[JsonSerializable(typeof(SessionSummary))]
[JsonSerializable(typeof(Problem))]
public sealed partial class ApiJson : JsonSerializerContext;
