// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Plans;

/// <summary>A plan as written, before it is understood: a tree of mappings, sequences and scalars with their places in the file.</summary>
/// <param name="Line">The line, from 1; 0 where there is no file.</param>
public abstract record PlanNode(int Line);

/// <summary>A mapping.</summary>
/// <param name="Line">Its line.</param>
/// <param name="Entries">The entries in file order; names may repeat, which the reader refuses.</param>
public sealed record PlanMapping(int Line, ImmutableArray<PlanEntry> Entries) : PlanNode(Line);

/// <summary>One entry of a mapping.</summary>
/// <param name="Line">The line of the name.</param>
/// <param name="Name">The name.</param>
/// <param name="Value">The value.</param>
public sealed record PlanEntry(int Line, string Name, PlanNode Value);

/// <summary>A sequence.</summary>
/// <param name="Line">Its line.</param>
/// <param name="Items">The items.</param>
public sealed record PlanSequence(int Line, ImmutableArray<PlanNode> Items) : PlanNode(Line);

/// <summary>A scalar, as text.</summary>
/// <param name="Line">Its line.</param>
/// <param name="Text">The text; empty for an empty value.</param>
/// <param name="Quoted">Whether it was quoted, and so is a string whatever it looks like.</param>
public sealed record PlanScalar(int Line, string Text, bool Quoted) : PlanNode(Line);
