// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Silos;

namespace FedCloud.SiloAgent.Plans;

/// <summary>How the silo stands to a plan that it was offered, as the running agent shows it to commands. A copy: the journal decides.</summary>
/// <param name="Job">The run.</param>
/// <param name="ConfigSha256">The plan.</param>
/// <param name="InitialModelSha256">Version 0 as the offer names it.</param>
/// <param name="Phase">Where the silo stands in the run.</param>
/// <param name="Reason">Why it takes no part; a code, or null.</param>
/// <param name="IsByAdministrator">Whether the answer is the administrator's own.</param>
/// <param name="AnswerBy">When the coordinator stops waiting for the answer, in Unix seconds.</param>
public sealed record PlanStanding(
    RunId Job,
    Sha256Digest ConfigSha256,
    Sha256Digest InitialModelSha256,
    SiloRunPhase Phase,
    string? Reason,
    bool IsByAdministrator,
    long AnswerBy)
{
    /// <summary>Whether the administrator has to decide.</summary>
    [JsonIgnore]
    public bool IsAsked => Phase == SiloRunPhase.Asked;

    /// <summary>When the coordinator stops waiting for the answer.</summary>
    [JsonIgnore]
    public DateTimeOffset AnswerDue => DateTimeOffset.FromUnixTimeSeconds(AnswerBy);

    /// <summary>The standing of a run.</summary>
    public static PlanStanding Of(RunId job, SiloRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return new PlanStanding(job, run.ConfigSha256, run.InitialModelSha256, run.Phase, run.Reason, run.IsByAdministrator, run.AnswerBy);
    }
}

/// <summary>Writes <see cref="SiloRunPhase"/> in lower case.</summary>
public sealed class SiloRunPhaseJsonConverter() : JsonStringEnumConverter<SiloRunPhase>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>Strict JSON of standings.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    Converters = [typeof(SiloRunPhaseJsonConverter)])]
[JsonSerializable(typeof(PlanStanding))]
public sealed partial class PlanStandingJson : JsonSerializerContext;
