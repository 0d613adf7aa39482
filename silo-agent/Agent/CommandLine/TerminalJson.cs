// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary>What <c>init</c> prints: to be confirmed over another channel (a meeting, a phone call).</summary>
internal sealed record Fingerprints(string SiloId, string IkSpkiSha256, string WitnessSpkiSha256, string AdminSpkiSha256, string CoordinatorSpkiSha256);

/// <summary>JSON of the terminal.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Fingerprints))]
internal sealed partial class TerminalJson : JsonSerializerContext;
