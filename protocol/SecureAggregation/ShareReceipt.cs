// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>How a holder answers E4.</summary>
public abstract record ShareReceipt
{
    private ShareReceipt()
    {
    }

    /// <summary>All shares are right: acknowledge.</summary>
    /// <param name="Shares">The shares, which the receiver disposes.</param>
    /// <param name="Ack">The body to sign.</param>
    public sealed record Accepted(HeldShares Shares, ShareAckBody Ack) : ShareReceipt;

    /// <summary>A dealer's shares are wrong: complain, and stop the epoch.</summary>
    /// <param name="Complaint">The body to sign; it names the dealer and the reason.</param>
    public sealed record Refused(ComplaintBody Complaint) : ShareReceipt;
}
