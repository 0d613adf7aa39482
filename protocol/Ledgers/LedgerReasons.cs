// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Ledgers;

/// <summary>Why spending was counted anew.</summary>
public static class LedgerReasons
{
    /// <summary>The agent's start does not continue the one before (rule L11).</summary>
    public const string DiscontinuousStart = "discontinuous_start";

    /// <summary>Another version of the accountant (rule L13).</summary>
    public const string Accountant = "accountant";
}
