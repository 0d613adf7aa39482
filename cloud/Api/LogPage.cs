// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;

namespace FedCloud.Cloud.Api;

/// <summary>An entry at its place in the log.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Entry">The entry as it is logged. Its canonical bytes are the leaf.</param>
public sealed record LoggedLine(long Index, JsonElement Entry);

/// <summary>A page of the log. It may be short, or empty, while there is a next one: each page searches a bounded part of the log.</summary>
/// <param name="Size">The entries up to the newest witnessed checkpoint.</param>
/// <param name="Entries">Newest first.</param>
/// <param name="Next">What to ask for next, as <c>before</c>; null when the beginning of the log was searched.</param>
public sealed record LogPage(long Size, ImmutableArray<LoggedLine> Entries, long? Next);
