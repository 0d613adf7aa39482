// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Signing;

/// <summary>The signing form of DSSE (Dead Simple Signing Envelope, version 1).</summary>
public static class Dsse
{
    /// <summary>The pre-authentication encoding: <c>"DSSEv1 " len(type) " " type " " len(body) " " body</c>, lengths in decimal bytes.</summary>
    public static byte[] Pae(string payloadType, ReadOnlySpan<byte> body)
    {
        byte[] head = Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"DSSEv1 {Encoding.UTF8.GetByteCount(payloadType)} {payloadType} {body.Length} "));
        byte[] pae = new byte[head.Length + body.Length];
        head.CopyTo(pae, 0);
        body.CopyTo(pae.AsSpan(head.Length));
        return pae;
    }

    /// <summary>The identity of a message: SHA-256 of its PAE. Two envelopes with the same body and other signature bytes are one message.</summary>
    public static Sha256Digest Identity(string payloadType, ReadOnlySpan<byte> body) => Sha256Digest.Of(Pae(payloadType, body));

    /// <summary>The 32-byte digest that a key vault signs.</summary>
    public static byte[] SigningDigest(string payloadType, ReadOnlySpan<byte> body) => SHA256.HashData(Pae(payloadType, body));
}
