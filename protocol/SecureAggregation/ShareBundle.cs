// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What a holder keeps of one dealer: for each slot the share of s and the share of b.</summary>
/// <remarks>Zeroed slot by slot with <see cref="EraseSlot"/> (rule J6), and whole when disposed. An erased slot gives no share, also after it was stored and read again.</remarks>
public sealed class ShareBundle : IDisposable
{
    /// <summary>The bytes of a slot: the share of s, then the share of b.</summary>
    public const int SlotBytes = 2 * Shamir.ShareBytes;

    private readonly SecretBytes _shares;
    private readonly bool[] _erased;

    /// <summary>Makes a bundle of zeros, to be written through <see cref="Bytes"/>.</summary>
    public ShareBundle(int slots)
    {
        _shares = new SecretBytes(SlotBytes * slots);
        _erased = new bool[slots];
    }

    /// <summary>Copies a stored bundle; the caller zeroes its own copy. A slot of zeros counts as erased.</summary>
    public ShareBundle(ReadOnlySpan<byte> stored)
        : this(stored.Length / SlotBytes)
    {
        stored[.._shares.Length].CopyTo(_shares.Span);
        for (int slot = 0; slot < _erased.Length; slot++)
        {
            _erased[slot] = !stored.Slice(slot * SlotBytes, SlotBytes).ContainsAnyExcept((byte)0);
        }
    }

    /// <summary>For each slot ascending, the share of s, then the share of b.</summary>
    public Span<byte> Bytes => _shares.Span;

    /// <summary>The share of one secret, 32 bytes.</summary>
    /// <exception cref="ObjectDisposedException">The slot was erased.</exception>
    public Span<byte> Share(int slot, ShareKind kind)
    {
        ObjectDisposedException.ThrowIf(_erased[slot], this);
        return _shares.Span.Slice((slot * SlotBytes) + ((int)kind * Shamir.ShareBytes), Shamir.ShareBytes);
    }

    /// <summary>Erases both shares of a slot.</summary>
    public void EraseSlot(int slot)
    {
        CryptographicOperations.ZeroMemory(_shares.Span.Slice(slot * SlotBytes, SlotBytes));
        _erased[slot] = true;
    }

    /// <summary>Erases all shares.</summary>
    public void Dispose() => _shares.Dispose();
}
