// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

/// <summary>A stable error code: one vocabulary on the wire, in logs and on the command line (docs/errors.md).</summary>
/// <param name="Name">The snake_case name; never renamed, never reused for another meaning.</param>
/// <param name="Exit">The exit code of a command that ends with this error.</param>
/// <param name="Meaning">What the code says, in one sentence without a final full stop.</param>
/// <param name="NextStep">What the reader does next, unless the place that raises it knows better.</param>
public sealed record ErrorCode(string Name, ExitCode Exit, string Meaning, string NextStep);
