// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;

namespace FedCloud.Protocol.Envelopes;

/// <summary>The memory that reading one envelope takes: a sealed chunk and an open one. Whoever reads many envelopes one after the other uses one of these for all.</summary>
public sealed class EnvelopeBuffers
{
    /// <summary>A chunk as it arrives, with its tag.</summary>
    internal byte[] Sealed { get; } = new byte[UpdateEnvelope.ChunkBytes + UpdateEnvelope.TagBytes];

    /// <summary>The chunk decrypted.</summary>
    internal byte[] Open { get; } = new byte[UpdateEnvelope.ChunkBytes];

    /// <summary>Overwrites what was decrypted.</summary>
    public void Clear() => CryptographicOperations.ZeroMemory(Open);
}
