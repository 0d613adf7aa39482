// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The secrets that open one sum: b_u of each silo of U3, s_v of each dropped silo, all checked against what was advertised.</summary>
/// <remarks>They open only the sum and may be kept for audit (section 10). In memory they are erased when this is disposed.</remarks>
public sealed class RevealedSecrets : IDisposable
{
    private RevealedSecrets(ImmutableSortedDictionary<int, SecretBytes> selfSeeds, ImmutableSortedDictionary<int, AgreementKey> pairwiseKeys)
    {
        SelfSeeds = selfSeeds;
        PairwiseKeys = pairwiseKeys;
    }

    /// <summary>b_u, for each silo of U3.</summary>
    public ImmutableSortedDictionary<int, SecretBytes> SelfSeeds { get; }

    /// <summary>s_v, for each silo of U2 without U3.</summary>
    public ImmutableSortedDictionary<int, AgreementKey> PairwiseKeys { get; }

    /// <summary>Checks secrets: b against its commitment, s·G against the advertised point.</summary>
    /// <param name="scope">The round.</param>
    /// <param name="agreement">U3.</param>
    /// <param name="selfSeeds">32 bytes for each silo of U3; copied, the caller zeroes its own.</param>
    /// <param name="pairwiseKeys">32 bytes for each dropped silo; copied, the caller zeroes its own.</param>
    /// <exception cref="FedCloudException"><c>secret_mismatch</c>: it names the dealer; <c>unmask_invalid</c>: other silos than the list asks for.</exception>
    public static RevealedSecrets Open(
        RoundScope scope,
        U3Agreement agreement,
        IReadOnlyDictionary<int, byte[]> selfSeeds,
        IReadOnlyDictionary<int, byte[]> pairwiseKeys)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(agreement);
        if (!selfSeeds.Keys.Order().SequenceEqual(agreement.U3) || !pairwiseKeys.Keys.Order().SequenceEqual(agreement.Dropped))
        {
            throw new FedCloudException(ErrorCodes.UnmaskInvalid, "expected one seed for each silo of the list and one key for each dropped silo, found others");
        }

        foreach (int dealer in scope.U2)
        {
            bool counted = selfSeeds.TryGetValue(dealer, out byte[]? secret);
            if (!(counted ? IsSeed(scope, dealer, secret) : IsKey(scope, dealer, pairwiseKeys[dealer])))
            {
                throw new FedCloudException(ErrorCodes.SecretMismatch, $"the secret of silo {dealer} is not the one that it advertised");
            }
        }

        return new RevealedSecrets(
            selfSeeds.ToImmutableSortedDictionary(pair => pair.Key, pair => new SecretBytes(pair.Value)),
            pairwiseKeys.ToImmutableSortedDictionary(pair => pair.Key, pair => AgreementKey.FromScalar(pair.Value)));
    }

    /// <summary>seeds_sha256 = SHA-256 over u16(u) 01 b_u for u in U3, then u16(v) 00 s_v for v in U2 without U3.</summary>
    public Sha256Digest SeedsSha256()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> item = stackalloc byte[3 + Fcsa1.KeyBytes];
        foreach ((int u, SecretBytes b) in SelfSeeds)
        {
            BinaryPrimitives.WriteUInt16BigEndian(item, (ushort)u);
            item[2] = 1;
            b.Span.CopyTo(item[3..]);
            hash.AppendData(item);
        }

        foreach ((int v, AgreementKey s) in PairwiseKeys)
        {
            BinaryPrimitives.WriteUInt16BigEndian(item, (ushort)v);
            item[2] = 0;
            s.CopyScalarTo(item[3..]);
            hash.AppendData(item);
        }

        CryptographicOperations.ZeroMemory(item);
        return Sha256Digest.FromBytes(hash.GetHashAndReset());
    }

    /// <summary>Erases the secrets.</summary>
    public void Dispose()
    {
        foreach (IDisposable secret in SelfSeeds.Values.Concat<IDisposable>(PairwiseKeys.Values))
        {
            secret.Dispose();
        }
    }

    internal static bool IsSeed(RoundScope scope, int dealer, ReadOnlySpan<byte> b) => CryptographicOperations.FixedTimeEquals(
        Derivations.SelfSeedCommitment(scope.Members.Sid, dealer, scope.Slot, b).ToBytes(),
        scope.Members.U1[dealer].BCom[scope.Slot].ToBytes());

    internal static bool IsKey(RoundScope scope, int dealer, ReadOnlySpan<byte> s)
    {
        if (!AgreementKey.IsScalar(s))
        {
            return false;
        }

        using AgreementKey key = AgreementKey.FromScalar(s);
        return key.Public.Equals(scope.Members.U1[dealer].SPk[scope.Slot]);
    }
}
