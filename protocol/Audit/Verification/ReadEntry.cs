// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>What an entry's bytes alone say, computed in parallel; what depends on the entries before it comes after.</summary>
/// <param name="Leaf">Its leaf hash.</param>
/// <param name="Entry">The entry; null where it is malformed.</param>
/// <param name="Error">What is wrong with its form.</param>
/// <param name="IsSigned">Whether the key that it names is known and signed it.</param>
/// <param name="Disclosure">The path of a member that looks like personal data or a secret.</param>
internal sealed record ReadEntry(MerkleHash Leaf, LogEntry? Entry, FedCloudException? Error, bool IsSigned, string? Disclosure)
{
    public static ReadEntry AsLeaf(byte[] bytes) => new(MerkleTree.HashLeaf(bytes), null, null, IsSigned: false, null);

    public static ReadEntry Of(byte[] bytes, SignatureVerifier signatures)
    {
        MerkleHash leaf = MerkleTree.HashLeaf(bytes);
        string? disclosure = DisclosurePattern.Find(bytes);
        try
        {
            LogEntry entry = LogEntry.Parse(bytes);
            bool signed = entry.Dsse is { } dsse && signatures.Verify(entry.Actor.KeyId, entry.SigningDigest(), dsse.Sig);
            return new ReadEntry(leaf, entry, null, signed, disclosure);
        }
        catch (FedCloudException error)
        {
            return new ReadEntry(leaf, null, error, IsSigned: false, disclosure);
        }
    }
}
