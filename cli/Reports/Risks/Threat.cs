// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cli.Reports.Risks;

/// <summary>A threat that FedCloud is built against.</summary>
/// <param name="Id">Its number in the threat model.</param>
/// <param name="Attack">What the attacker does.</param>
/// <param name="Control">What this version does about it, and where that ends.</param>
internal sealed record Threat(string Id, string Attack, string Control);
