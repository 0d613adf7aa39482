// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Opens a body whose signer is the member that it names.</summary>
internal static class Signer
{
    /// <summary>Finds the one identity key that the envelope's key id names, verifies with it, and only then parses.</summary>
    /// <exception cref="FedCloudException"><c>signature_invalid</c>: no member's signature, or not the named member's; or a code of the body.</exception>
    public static T Open<T>(DsseEnvelope envelope, IReadOnlyDictionary<int, VerificationKey> identityKeys, Func<T, int> named)
        where T : class, ISecureAggregationBody<T>
    {
        foreach ((int idx, VerificationKey key) in identityKeys)
        {
            if (envelope.Signatures.Any(signature => string.Equals(signature.KeyId, key.Fingerprint.Hex, StringComparison.Ordinal)))
            {
                T body = SecureAggregationBody.Open<T>(envelope, key);
                return named(body) == idx
                    ? body
                    : throw new FedCloudException(ErrorCodes.SignatureInvalid, $"{T.Name}: signed by silo {idx}, but it names silo {named(body)}");
            }
        }

        throw new FedCloudException(ErrorCodes.SignatureInvalid, $"{T.Name}: no signature of a member of the roster");
    }
}
