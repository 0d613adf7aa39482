// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using ArmAes = System.Runtime.Intrinsics.Arm.Aes;
using X86Aes = System.Runtime.Intrinsics.X86.Aes;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>AES-256 in counter mode (FIPS 197; NIST SP 800-38A, section 6.5) with the processor's instructions, eight blocks in flight.</summary>
/// <remarks>
/// The keystream goes from the registers straight into the ring vector, so masking reads and writes memory once a mask.
/// On Arm the round key is added after MixColumns, as on x86; that costs one exclusive or a round and keeps one code path.
/// </remarks>
internal static class AesInstructions
{
    /// <summary>The bytes of the key schedule: 15 round keys.</summary>
    public const int ScheduleBytes = 15 * BlockBytes;

    private const int BlockBytes = 16;
    private const int Rounds = 14;

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => (X86Aes.IsSupported || ArmAes.IsSupported) && BitConverter.IsLittleEndian;

    /// <summary>The key schedule of a 256-bit key (FIPS 197, section 5.2, Nk = 8); its S-box is the instruction's, so no table is indexed.</summary>
    public static void Expand(ReadOnlySpan<byte> key, Span<byte> schedule)
    {
        Span<uint> words = MemoryMarshal.Cast<byte, uint>(schedule); // 60 words, bytes in memory order
        MemoryMarshal.Cast<byte, uint>(key).CopyTo(words);
        uint constant = 1;
        for (int i = 8; i < words.Length; i++)
        {
            uint word = words[i - 1];
            if (i % 8 == 0)
            {
                word = SubWord(BitOperations.RotateRight(word, 8)) ^ constant;
                constant <<= 1;
            }
            else if (i % 8 == 4)
            {
                word = SubWord(word);
            }

            words[i] = words[i - 8] ^ word;
        }
    }

    /// <summary>Combines keystream blocks with a target.</summary>
    /// <typeparam name="TOperation">How.</typeparam>
    /// <param name="schedule">The key schedule.</param>
    /// <param name="target">A whole number of blocks.</param>
    /// <param name="block">The number of the first block; the counter block is 0^8 ‖ u64(block).</param>
    public static void Combine<TOperation>(ReadOnlySpan<byte> schedule, Span<byte> target, ulong block)
        where TOperation : struct, IKeystreamOperation
    {
        ref byte keys = ref MemoryMarshal.GetReference(schedule);
        ref byte at = ref MemoryMarshal.GetReference(target);
        nuint length = (nuint)target.Length;
        nuint offset = 0;
        for (; offset + (8 * BlockBytes) <= length; offset += 8 * BlockBytes, block += 8)
        {
            Eight<TOperation>(ref keys, ref Unsafe.AddByteOffset(ref at, offset), block);
        }

        for (; offset < length; offset += BlockBytes, block++)
        {
            Vector128<byte> state = Counter(block) ^ Vector128.LoadUnsafe(ref keys);
            for (nuint round = 1; round < Rounds; round++)
            {
                state = Round(state, Vector128.LoadUnsafe(ref keys, round * BlockBytes));
            }

            Store<TOperation>(ref at, offset, LastRound(state, Vector128.LoadUnsafe(ref keys, Rounds * BlockBytes)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Eight<TOperation>(ref byte keys, ref byte at, ulong block)
        where TOperation : struct, IKeystreamOperation
    {
        Vector128<byte> key = Vector128.LoadUnsafe(ref keys);
        Vector128<byte> a = Counter(block) ^ key;
        Vector128<byte> b = Counter(block + 1) ^ key;
        Vector128<byte> c = Counter(block + 2) ^ key;
        Vector128<byte> d = Counter(block + 3) ^ key;
        Vector128<byte> e = Counter(block + 4) ^ key;
        Vector128<byte> f = Counter(block + 5) ^ key;
        Vector128<byte> g = Counter(block + 6) ^ key;
        Vector128<byte> h = Counter(block + 7) ^ key;
        for (nuint round = 1; round < Rounds; round++)
        {
            key = Vector128.LoadUnsafe(ref keys, round * BlockBytes);
            a = Round(a, key);
            b = Round(b, key);
            c = Round(c, key);
            d = Round(d, key);
            e = Round(e, key);
            f = Round(f, key);
            g = Round(g, key);
            h = Round(h, key);
        }

        key = Vector128.LoadUnsafe(ref keys, Rounds * BlockBytes);
        Store<TOperation>(ref at, 0 * BlockBytes, LastRound(a, key));
        Store<TOperation>(ref at, 1 * BlockBytes, LastRound(b, key));
        Store<TOperation>(ref at, 2 * BlockBytes, LastRound(c, key));
        Store<TOperation>(ref at, 3 * BlockBytes, LastRound(d, key));
        Store<TOperation>(ref at, 4 * BlockBytes, LastRound(e, key));
        Store<TOperation>(ref at, 5 * BlockBytes, LastRound(f, key));
        Store<TOperation>(ref at, 6 * BlockBytes, LastRound(g, key));
        Store<TOperation>(ref at, 7 * BlockBytes, LastRound(h, key));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TOperation>(ref byte at, nuint offset, Vector128<byte> keystream)
        where TOperation : struct, IKeystreamOperation =>
        TOperation.Apply(Vector128.LoadUnsafe(ref at, offset), keystream).StoreUnsafe(ref at, offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Counter(ulong block) => Vector128.Create(0UL, BinaryPrimitives.ReverseEndianness(block)).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Round(Vector128<byte> state, Vector128<byte> key) => X86Aes.IsSupported
        ? X86Aes.Encrypt(state, key)
        : ArmAes.MixColumns(ArmAes.Encrypt(state, Vector128<byte>.Zero)) ^ key;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> LastRound(Vector128<byte> state, Vector128<byte> key) => X86Aes.IsSupported
        ? X86Aes.EncryptLast(state, key)
        : ArmAes.Encrypt(state, Vector128<byte>.Zero) ^ key;

    // In a state of four equal columns ShiftRows changes nothing, so the last round with a zero key is the S-box alone.
    private static uint SubWord(uint word) => LastRound(Vector128.Create(word).AsByte(), Vector128<byte>.Zero).AsUInt32().ToScalar();
}
