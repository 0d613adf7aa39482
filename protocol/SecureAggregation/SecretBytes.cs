// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A secret in memory that is zeroed when it is disposed.</summary>
/// <remarks>The array is pinned, so that the garbage collector never moves it and leaves a copy behind. The owner disposes it.</remarks>
public sealed class SecretBytes : IDisposable
{
    private readonly byte[] _bytes;

    /// <summary>Makes a secret of zeros, to be written through <see cref="Span"/>.</summary>
    /// <param name="length">Its length in bytes.</param>
    public SecretBytes(int length) => _bytes = GC.AllocateArray<byte>(length, pinned: true);

    /// <summary>Copies a secret; the caller still owns, and zeroes, its own.</summary>
    public SecretBytes(ReadOnlySpan<byte> secret)
        : this(secret.Length) => secret.CopyTo(_bytes);

    /// <summary>Whether the secret is gone.</summary>
    public bool IsErased { get; private set; }

    /// <summary>The length in bytes.</summary>
    public int Length => _bytes.Length;

    /// <summary>The secret itself.</summary>
    /// <exception cref="ObjectDisposedException">It was erased.</exception>
    public Span<byte> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsErased, this);
            return _bytes;
        }
    }

    /// <summary>Zeroes the secret.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_bytes);
        IsErased = true;
    }
}
