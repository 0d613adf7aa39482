// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Writes and reads the signed bodies: verify the received bytes, then parse, then compare with their own canonical form.</summary>
public static class SecureAggregationBody
{
    /// <summary>The canonical bytes of a body, which are signed.</summary>
    /// <typeparam name="T">The body.</typeparam>
    public static byte[] Encode<T>(T body)
        where T : class, ISecureAggregationBody<T>
    {
        ArgumentNullException.ThrowIfNull(body);
        return Jcs.Serialize(body, T.Json);
    }

    /// <summary>Signs a body with a local key.</summary>
    /// <typeparam name="T">The body.</typeparam>
    public static DsseEnvelope Sign<T>(T body, ECDsa key)
        where T : class, ISecureAggregationBody<T> => DsseEnvelope.Sign(Fcsa1.PayloadType, Encode(body), key);

    /// <summary>Reads a body from an envelope after its signature was checked.</summary>
    /// <typeparam name="T">The body.</typeparam>
    /// <param name="envelope">The received envelope.</param>
    /// <param name="signer">The key that must have signed.</param>
    /// <exception cref="FedCloudException"><c>signature_invalid</c>, <c>json_not_canonical</c>, <c>body_malformed</c>.</exception>
    public static T Open<T>(DsseEnvelope envelope, VerificationKey signer)
        where T : class, ISecureAggregationBody<T>
    {
        ArgumentNullException.ThrowIfNull(envelope);
        envelope.RequireSignedBy(signer, Fcsa1.PayloadType, T.Name);
        return Parse<T>(envelope.Payload);
    }

    /// <summary>Reads a body strictly. The signature over these bytes was checked before.</summary>
    /// <typeparam name="T">The body.</typeparam>
    /// <exception cref="FedCloudException"><c>json_not_canonical</c>, <c>body_malformed</c>.</exception>
    public static T Parse<T>(ReadOnlySpan<byte> bytes)
        where T : class, ISecureAggregationBody<T>
    {
        T body = Jcs.Parse(bytes, T.Json, T.Name);
        if (!string.Equals(body.Type, T.Name, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.BodyMalformed, $"expected a body of type {T.Name}, found another type");
        }

        if (body.Fault() is { } expected)
        {
            throw new FedCloudException(ErrorCodes.BodyMalformed, $"{T.Name}: expected {expected}, found something else");
        }

        // Catches other spellings of one value, such as a map key with a leading zero, and a missing type.
        return Encode(body).AsSpan().SequenceEqual(bytes)
            ? body
            : throw new FedCloudException(ErrorCodes.JsonNotCanonical, $"{T.Name}: the bytes are not the canonical form of what they say");
    }
}
