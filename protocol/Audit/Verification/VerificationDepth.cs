// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>How much of the evidence is verified.</summary>
public enum VerificationDepth
{
    /// <summary>Everything.</summary>
    Full,

    /// <summary>Tree, tiles, the log's signatures of checkpoints, and proofs; entries only as leaves. For measurements.</summary>
    Tree,
}
