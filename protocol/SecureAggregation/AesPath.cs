// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>How AES is computed. Every path gives the same bytes.</summary>
public enum AesPath
{
    /// <summary>The processor's instructions where it has them, else the platform's library.</summary>
    Automatic,

    /// <summary>The processor's instructions: AES-NI on x86, the cryptography extension on Arm.</summary>
    Instructions,

    /// <summary>The platform's library.</summary>
    Library,
}
