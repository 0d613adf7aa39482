// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Reads a masked vector front to back in pieces, and holds it to the length and the digest that its silo signed.</summary>
/// <remarks>Nothing that was read counts before <see cref="Finish"/> has returned.</remarks>
public sealed class MaskedVectorReader : IDisposable
{
    private readonly int _idx;
    private readonly Stream _vector;
    private readonly Sha256Digest _expected;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Begins at the vector's start.</summary>
    /// <param name="idx">The silo, for errors.</param>
    /// <param name="vector">The vector; the caller disposes it.</param>
    /// <param name="expected">The digest that the silo signed.</param>
    public MaskedVectorReader(int idx, Stream vector, Sha256Digest expected)
    {
        _idx = idx;
        _vector = vector;
        _expected = expected;
    }

    /// <summary>Fills a piece.</summary>
    /// <exception cref="FedCloudException"><c>masked_length</c>: the vector ends before.</exception>
    public void Read(Span<byte> piece)
    {
        if (_vector.ReadAtLeast(piece, piece.Length, throwOnEndOfStream: false) < piece.Length)
        {
            throw new FedCloudException(ErrorCodes.MaskedLength, $"silo {_idx}: the vector ends before the round's last word");
        }

        _hash.AppendData(piece);
    }

    /// <summary>Checks that the vector ends here and has the signed digest.</summary>
    /// <exception cref="FedCloudException"><c>masked_length</c> or <c>masked_digest</c>.</exception>
    public void Finish()
    {
        if (_vector.ReadByte() >= 0)
        {
            throw new FedCloudException(ErrorCodes.MaskedLength, $"silo {_idx}: the vector goes on after the round's last word");
        }

        Sha256Digest found = Sha256Digest.FromBytes(_hash.GetHashAndReset());
        if (found != _expected)
        {
            throw new FedCloudException(ErrorCodes.MaskedDigest, $"silo {_idx}: expected {_expected.Hex[..16]}…, found {found.Hex[..16]}…");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _hash.Dispose();
}
