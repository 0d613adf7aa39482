// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>What a witness's host does next, in the order of <see cref="WitnessStep.Effects"/>; repeating it is harmless.</summary>
public abstract record WitnessEffect;

/// <summary>Read every bundle of the log up to that size into a <see cref="LogReader"/>, and come back with <see cref="LogRead"/>.</summary>
/// <param name="Size">The number of entries.</param>
public sealed record ReadLog(long Size) : WitnessEffect;

/// <summary>Write the state and flush it to disk. Nothing after it may be done before that.</summary>
/// <param name="State">The state.</param>
public sealed record WriteState(WitnessState State) : WitnessEffect;

/// <summary>Sign the note's text with the witness key WK (<see cref="WitnessLine"/>) and send the line to the coordinator.</summary>
/// <param name="Note">The checkpoint.</param>
public sealed record SendLine(SignedNote Note) : WitnessEffect;

/// <summary>Send both notes to all silos: the log showed two histories, and work stops until the roster quorum decides (audit-log, W5).</summary>
/// <param name="Kept">What this witness signed.</param>
/// <param name="Shown">What it was shown now.</param>
public sealed record ReportFork(SignedNote Kept, SignedNote Shown) : WitnessEffect;
