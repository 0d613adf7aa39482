// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A silo's secrets of one epoch: c, the seed of its Shamir coefficients, and for each slot s and b.</summary>
/// <remarks>
/// Every secret can be erased by itself, as rule J6 asks: a slot's at DONE or BURNED, the coefficient seed after SHARED, c at the end
/// of the epoch. What is erased is gone for its uses: they throw <see cref="ObjectDisposedException"/>. <see cref="Dispose"/> erases all.
/// Not for use by two threads at once.
/// </remarks>
public sealed class EpochSecrets : IDisposable
{
    private const int HeadBytes = 4;

    private readonly AgreementKey? _c;
    private readonly SecretBytes _coefficientSeed;
    private readonly AgreementKey?[] _s;
    private readonly SecretBytes[] _b;

    private EpochSecrets(int idx, AgreementKey? c, SecretBytes coefficientSeed, AgreementKey?[] s, SecretBytes[] b)
    {
        Idx = idx;
        _c = c;
        _coefficientSeed = coefficientSeed;
        _s = s;
        _b = b;
    }

    /// <summary>The silo's roster index.</summary>
    public int Idx { get; }

    /// <summary>The number of slots.</summary>
    public int Slots => _s.Length;

    /// <summary>The bytes of <see cref="CopyTo"/>.</summary>
    public int StoredBytes => HeadBytes + (2 * Fcsa1.KeyBytes * (1 + Slots));

    /// <summary>Makes fresh secrets.</summary>
    /// <param name="idx">The silo's roster index.</param>
    /// <param name="slots">The epoch's slots.</param>
    /// <param name="random">A cryptographic generator.</param>
    public static EpochSecrets Generate(int idx, int slots, RandomFill random)
    {
        ArgumentNullException.ThrowIfNull(random);
        RequireShape(idx, slots);
        AgreementKey c = AgreementKey.Generate(random);
        SecretBytes seed = Draw(random);
        AgreementKey[] s = [.. Enumerable.Range(0, slots).Select(_ => AgreementKey.Generate(random))];
        SecretBytes[] b = [.. Enumerable.Range(0, slots).Select(_ => Draw(random))];
        return new EpochSecrets(idx, c, seed, s, b);
    }

    /// <summary>Reads what <see cref="CopyTo"/> wrote; the caller zeroes its own copy. A secret of zeros counts as erased.</summary>
    /// <exception cref="FedCloudException"><c>agreement_key_invalid</c>, <c>secagg_parameters_invalid</c>.</exception>
    public static EpochSecrets Read(ReadOnlySpan<byte> stored)
    {
        int idx = stored.Length < HeadBytes ? 0 : BinaryPrimitives.ReadUInt16BigEndian(stored);
        int slots = stored.Length < HeadBytes ? 0 : BinaryPrimitives.ReadUInt16BigEndian(stored[2..]);
        RequireShape(idx, slots);
        if (stored.Length != HeadBytes + (2 * Fcsa1.KeyBytes * (1 + slots)))
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, $"expected the secrets of {slots} slots, found {stored.Length} bytes");
        }

        AgreementKey? c = StoredKey(stored.Slice(HeadBytes, Fcsa1.KeyBytes));
        SecretBytes seed = StoredSecret(stored.Slice(HeadBytes + Fcsa1.KeyBytes, Fcsa1.KeyBytes));
        AgreementKey?[] s = new AgreementKey?[slots];
        SecretBytes[] b = new SecretBytes[slots];
        for (int slot = 0; slot < slots; slot++)
        {
            ReadOnlySpan<byte> pair = stored.Slice(HeadBytes + (2 * Fcsa1.KeyBytes * (1 + slot)), 2 * Fcsa1.KeyBytes);
            s[slot] = StoredKey(pair[..Fcsa1.KeyBytes]);
            b[slot] = StoredSecret(pair[Fcsa1.KeyBytes..]);
        }

        return new EpochSecrets(idx, c, seed, s, b);
    }

    /// <summary>Writes all secrets, for a file encrypted at rest, before any of them is erased.</summary>
    /// <param name="destination">Receives <see cref="StoredBytes"/> bytes: u16 idx, u16 slots, c, coefficient seed, then s and b of each slot. The caller zeroes it after use.</param>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)Idx);
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)Slots);
        C.CopyScalarTo(destination[HeadBytes..]);
        _coefficientSeed.Span.CopyTo(destination[(HeadBytes + Fcsa1.KeyBytes)..]);
        for (int slot = 0; slot < Slots; slot++)
        {
            Span<byte> pair = destination.Slice(HeadBytes + (2 * Fcsa1.KeyBytes * (1 + slot)), 2 * Fcsa1.KeyBytes);
            S(slot).CopyScalarTo(pair);
            _b[slot].Span.CopyTo(pair[Fcsa1.KeyBytes..]);
        }
    }

    /// <summary>E1: the body that advertises the public keys and the commitments.</summary>
    /// <exception cref="FedCloudException"><c>secagg_parameters_invalid</c>: another number of slots than the epoch's.</exception>
    public AdvertiseBody Advertise(EpochParams epoch)
    {
        ArgumentNullException.ThrowIfNull(epoch);
        epoch.RequireValid();
        if (epoch.Slots != Slots || Idx > epoch.N)
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, $"expected secrets of {epoch.Slots} slots and an index up to {epoch.N}, found {Slots} slots of index {Idx}");
        }

        Sha256Digest sid = epoch.Sid();
        return new AdvertiseBody
        {
            Sid = sid,
            Idx = Idx,
            CPk = C.Public,
            SPk = [.. Enumerable.Range(0, Slots).Select(slot => S(slot).Public)],
            BCom = [.. Enumerable.Range(0, Slots).Select(slot => Derivations.SelfSeedCommitment(sid, Idx, slot, _b[slot].Span))],
        };
    }

    /// <summary>Erases s and b of a slot.</summary>
    public void EraseSlot(int slot)
    {
        _s[slot]?.Dispose();
        _b[slot].Dispose();
    }

    /// <summary>Erases the seed of the Shamir coefficients; the shares cannot be made again after that.</summary>
    public void EraseCoefficientSeed() => _coefficientSeed.Dispose();

    /// <summary>Erases c; no share can be decrypted after that.</summary>
    public void EraseAgreementKey() => _c?.Dispose();

    /// <summary>Erases everything.</summary>
    public void Dispose()
    {
        EraseAgreementKey();
        EraseCoefficientSeed();
        for (int slot = 0; slot < Slots; slot++)
        {
            EraseSlot(slot);
        }
    }

    internal AgreementKey C => Present(_c);

    internal SecretBytes CoefficientSeed => _coefficientSeed;

    internal AgreementKey S(int slot) => Present(_s[slot]);

    internal SecretBytes B(int slot) => _b[slot];

    private static SecretBytes Draw(RandomFill random)
    {
        SecretBytes secret = new(Fcsa1.KeyBytes);
        random(secret.Span);
        return secret;
    }

    private AgreementKey Present(AgreementKey? key)
    {
        ObjectDisposedException.ThrowIf(key is null, this);
        return key;
    }

    private static AgreementKey? StoredKey(ReadOnlySpan<byte> scalar) => IsErased(scalar) ? null : AgreementKey.FromScalar(scalar);

    private static SecretBytes StoredSecret(ReadOnlySpan<byte> stored)
    {
        SecretBytes secret = new(stored);
        if (IsErased(stored))
        {
            secret.Dispose();
        }

        return secret;
    }

    private static bool IsErased(ReadOnlySpan<byte> stored) => !stored.ContainsAnyExcept((byte)0);

    private static void RequireShape(int idx, int slots)
    {
        if (!BodyFault.IsIdx(idx) || slots is < 1 or > Fcsa1.MaxSlots)
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, $"expected an index from 1 to {Fcsa1.MaxSilos} and 1 to {Fcsa1.MaxSlots} slots, found index {idx} and {slots} slots");
        }
    }
}
