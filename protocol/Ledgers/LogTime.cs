// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Ledgers;

/// <summary>The time as a silo knows it from the log: witness lines carry none, so it is what others signed into their entries.</summary>
/// <param name="Reached">The time that entries of two other parties have reached; one alone cannot put every other clock in the wrong. Null while there are no two.</param>
/// <param name="Written">What this silo's clock said when it wrote the newest of its entries of this start that the log shows; null while the log is not known to be newer than this start.</param>
/// <param name="Followed">The newest time in others' entries behind that one, the coordinator's among them; null while there are none.</param>
public sealed record LogTime(DateTimeOffset? Reached, DateTimeOffset? Written, DateTimeOffset? Followed);

/// <summary>A clock and the log that contradict each other.</summary>
/// <param name="Clock">What the silo's clock says, or said when it wrote the entry that the log answers.</param>
/// <param name="Log">The log's time.</param>
public sealed record ClockFault(DateTimeOffset Clock, DateTimeOffset Log);
