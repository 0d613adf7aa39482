// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>PRG(K): the mask generator, AES-256 in counter mode from block 0, seekable to any word (secure-aggregation, section 4).</summary>
/// <remarks>
/// Counter block i = 0^8 ‖ u64(i). One key makes one stream: a key must belong to one purpose and one round, and a word of the stream
/// must mask one value only. Limit: 2^40 words. Holds the key schedule, 240 bytes, until it is disposed; buffers are zeroed after
/// each call. Not for use by two threads at once.
/// </remarks>
public sealed class AesCtrKeystream : IDisposable
{
    private const int BlockBytes = 16;
    private const int BufferBytes = 3 * 1024; // whole blocks, and whole words of 2, 3 and 4 bytes
    private const int LibraryBufferBytes = 48 * 1024; // the same, and large enough that a call of the library costs little

    private readonly SecretBytes? _schedule;
    private readonly Aes? _library;
    private bool _disposed;

    /// <summary>Takes a key; the caller zeroes its own copy.</summary>
    /// <param name="key">32 bytes.</param>
    /// <param name="path">How AES is computed.</param>
    /// <exception cref="PlatformNotSupportedException">The processor lacks the instructions that <paramref name="path"/> demands.</exception>
    public AesCtrKeystream(ReadOnlySpan<byte> key, AesPath path = AesPath.Automatic)
    {
        if (key.Length != Fcsa1.KeyBytes)
        {
            throw new ArgumentException("a mask key has 256 bits", nameof(key));
        }

        if (path == AesPath.Instructions && !AesInstructions.IsSupported)
        {
            throw new PlatformNotSupportedException("this processor has no AES instructions");
        }

        if (path != AesPath.Library && AesInstructions.IsSupported)
        {
            _schedule = new SecretBytes(AesInstructions.ScheduleBytes);
            AesInstructions.Expand(key, _schedule.Span);
        }
        else
        {
            _library = Aes.Create();
            _library.SetKey(key);
        }
    }

    /// <summary>Whether this processor has the instructions of <see cref="AesPath.Instructions"/>.</summary>
    public static bool HasInstructions => AesInstructions.IsSupported;

    /// <summary>Writes keystream bytes.</summary>
    /// <param name="destination">Receives them; secret, so the caller zeroes it after use.</param>
    /// <param name="offset">The first byte's place in the stream.</param>
    public void Fill(Span<byte> destination, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        Span<byte> block = stackalloc byte[BlockBytes];
        int skip = (int)(offset % BlockBytes);
        if (skip != 0 && destination.Length > 0)
        {
            int head = Math.Min(BlockBytes - skip, destination.Length);
            Blocks(block, offset / BlockBytes);
            block.Slice(skip, head).CopyTo(destination);
            destination = destination[head..];
            offset += head;
        }

        int whole = destination.Length - (destination.Length % BlockBytes);
        Blocks(destination[..whole], offset / BlockBytes);
        if (whole < destination.Length)
        {
            Blocks(block, (offset + whole) / BlockBytes);
            block[..(destination.Length - whole)].CopyTo(destination[whole..]);
        }

        CryptographicOperations.ZeroMemory(block);
    }

    /// <summary>words += PRG(K)[firstWord ..] mod 2^k.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="words">Packed words of a part of a vector.</param>
    /// <param name="firstWord">The part's first coordinate in the vector.</param>
    public void Add(Ring ring, Span<byte> words, long firstWord) => Combine(ring, words, firstWord, subtract: false);

    /// <summary>words -= PRG(K)[firstWord ..] mod 2^k.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="words">Packed words of a part of a vector.</param>
    /// <param name="firstWord">The part's first coordinate in the vector.</param>
    public void Subtract(Ring ring, Span<byte> words, long firstWord) => Combine(ring, words, firstWord, subtract: true);

    /// <summary>Zeroes the key schedule.</summary>
    public void Dispose()
    {
        _disposed = true;
        _schedule?.Dispose();
        _library?.Dispose();
    }

    private void Combine(Ring ring, Span<byte> words, long firstWord, bool subtract)
    {
        ArgumentNullException.ThrowIfNull(ring);
        ArgumentOutOfRangeException.ThrowIfNegative(firstWord);
        if (words.Length % ring.WordBytes != 0 || firstWord + (words.Length / ring.WordBytes) > Fcsa1.CoordinateLimit)
        {
            throw new ArgumentException("the part ends inside a word or beyond 2^40 words", nameof(words));
        }

        long offset = firstWord * ring.WordBytes;
        if (_library is not null)
        {
            byte[] buffer = ArrayPool<byte>.Shared.Rent(LibraryBufferBytes);
            Buffered(ring, words, offset, subtract, buffer.AsSpan(0, LibraryBufferBytes));
            ArrayPool<byte>.Shared.Return(buffer);
        }
        else if (ring.Bits == 24)
        {
            Buffered(ring, words, offset, subtract, stackalloc byte[BufferBytes]);
        }
        else
        {
            Aligned(ring, words, offset, subtract);
        }
    }

    // Words of 16 and 32 bits end with their blocks: whole blocks go from the registers into the vector, the ends through a buffer.
    private void Aligned(Ring ring, Span<byte> words, long offset, bool subtract)
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        int head = Math.Min((int)(-offset & (BlockBytes - 1)), words.Length);
        int whole = (words.Length - head) / BlockBytes * BlockBytes;
        Buffered(ring, words[..head], offset, subtract, block);
        Fused(ring, words.Slice(head, whole), (ulong)(offset + head) / BlockBytes, subtract);
        Buffered(ring, words[(head + whole)..], offset + head + whole, subtract, block);
    }

    private void Fused(Ring ring, Span<byte> words, ulong block, bool subtract)
    {
        ReadOnlySpan<byte> schedule = _schedule is null ? [] : _schedule.Span;
        switch (ring.Bits, subtract)
        {
            case (16, false):
                AesInstructions.Combine<Add16>(schedule, words, block);
                break;
            case (16, true):
                AesInstructions.Combine<Subtract16>(schedule, words, block);
                break;
            case (32, false):
                AesInstructions.Combine<Add32>(schedule, words, block);
                break;
            default:
                AesInstructions.Combine<Subtract32>(schedule, words, block);
                break;
        }
    }

    // Words of 24 bits cross blocks, and the library has no fused form: keystream first, then the ring, a few kilobytes at a time.
    private void Buffered(Ring ring, Span<byte> words, long offset, bool subtract, Span<byte> buffer)
    {
        while (words.Length > 0)
        {
            Span<byte> keystream = buffer[..Math.Min(words.Length, buffer.Length)];
            Fill(keystream, offset);
            if (subtract)
            {
                RingWords.Subtract(ring, words[..keystream.Length], keystream);
            }
            else
            {
                RingWords.Add(ring, words[..keystream.Length], keystream);
            }

            words = words[keystream.Length..];
            offset += keystream.Length;
        }

        CryptographicOperations.ZeroMemory(buffer);
    }

    private void Blocks(Span<byte> target, long firstBlock)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_schedule is not null)
        {
            AesInstructions.Combine<TakeKeystream>(_schedule.Span, target, (ulong)firstBlock);
        }
        else if (_library is not null)
        {
            LibraryBlocks(_library, target, firstBlock);
        }
    }

    // The library encrypts each counter block by itself; that is counter mode, although the call is named ECB.
    private static void LibraryBlocks(Aes library, Span<byte> target, long block)
    {
        byte[] counters = ArrayPool<byte>.Shared.Rent(LibraryBufferBytes);
        counters.AsSpan().Clear();
        while (target.Length > 0)
        {
            Span<byte> part = counters.AsSpan(0, Math.Min(target.Length, LibraryBufferBytes));
            for (int at = 0; at < part.Length; at += BlockBytes, block++)
            {
                BinaryPrimitives.WriteInt64BigEndian(part[(at + 8)..], block);
            }

            library.EncryptEcb(part, target[..part.Length], PaddingMode.None);
            target = target[part.Length..];
        }

        ArrayPool<byte>.Shared.Return(counters);
    }
}
