// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;
using FedCloud.Cli.Demo;
using FedCloud.Cli.Plans;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.CommandLine;

/// <summary>An error as <c>--json</c> prints it.</summary>
internal sealed record ErrorDocument(ErrorText Error);

/// <summary>An error's parts.</summary>
internal sealed record ErrorText(string Code, string Message, string Next);

/// <summary>A checked plan as <c>--json</c> prints it; the figures of secure mode only for a number of silos, those of a privacy claim only where there is one.</summary>
internal sealed record PlanDocument(bool Valid, IReadOnlyList<ProblemDocument> Problems, RunConfig? Config, SecureFigures? Secure = null, IReadOnlyList<ClaimFigures>? Privacy = null);

/// <summary>One problem of a plan.</summary>
internal sealed record ProblemDocument(int Line, string Code, string Message);

/// <summary>An exported adapter as <c>--json</c> prints it.</summary>
internal sealed record ExportDocument(string Adapter, string Job, int Version, string Path, string AdapterSha256);

/// <summary>Where an invitation is, as <c>--json</c> prints it; what is in it stays in the file.</summary>
internal sealed record InvitationDocument(string Silo, string Path);

/// <summary>A drill that the log records, as <c>--json</c> prints it.</summary>
internal sealed record DrillDocument(string Drill, string Result, Sha256Digest Report);

/// <summary>JSON of the command line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ErrorDocument))]
[JsonSerializable(typeof(PlanDocument))]
[JsonSerializable(typeof(ExportDocument))]
[JsonSerializable(typeof(InvitationDocument))]
[JsonSerializable(typeof(DemoReport))]
[JsonSerializable(typeof(CompromiseDrill[]))]
[JsonSerializable(typeof(DrillDocument))]
internal sealed partial class CliJson : JsonSerializerContext;
