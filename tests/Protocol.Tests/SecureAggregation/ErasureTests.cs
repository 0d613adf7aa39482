// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections;
using System.Reflection;
using FedCloud.Protocol.SecureAggregation;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

/// <summary>What the API promises to zero is zero: every byte array that a holder of secrets reaches is looked at before and after.</summary>
public sealed class ErasureTests
{
    [Fact]
    public void Dispose_HoldersOfSecrets_LeaveOnlyZeros()
    {
        TestFederation federation = new(4, slots: 2);
        RoundScope scope = federation.Scope(100, Ring.K24);
        TestRound round = new(federation, scope, new Dictionary<int, byte[]> { [1] = new byte[300], [2] = new byte[300], [3] = new byte[300] });
        SecretRecovery recovery = round.Recovery;
        recovery.Add(round.Unmask(1), federation.Keys);
        RoundMasks masks = RoundMasks.OfSilo(scope, federation.Secrets[1]);
        masks.Apply(new byte[300], 0);
        UpdateQuantizer quantizer = new(RingLayout.Create(Ring.K32, 20, 4, [new RingSegment { Name = RingSegment.Model, Length = 9, Clip = 1, Range = 1, Weighted = true }]), [.. Enumerable.Repeat((byte)7, 32)]);
        quantizer.Quantize(0, 0, (float[])[0.1f, 0.2f], 1, new byte[36]);
        AesCtrKeystream keystream = new([.. Enumerable.Repeat((byte)7, 32)]);
        keystream.Add(Ring.K24, new byte[99], 5);

        Assert.All(
            (IDisposable[])[new SecretBytes("secret"u8), AgreementKey.Generate(federation.Fill), EpochSecrets.Generate(1, 2, federation.Fill), federation.Held(1), federation.Dealt[1].Own, round.Reveal([1, 2, 3]), keystream, masks, quantizer],
            holder => Erased(holder, "_scalar _bytes _b _s _c _coefficientSeed _shares _byDealer _schedule _masks _coins _coinBytes _values _integers <SelfSeeds>k__BackingField <PairwiseKeys>k__BackingField"));
        Erased(recovery, "_byDealer");
    }

    [Fact]
    public void EraseSlot_OfSecrets_LeavesTheOtherSlot()
    {
        TestFederation federation = new(4, slots: 2);
        EpochSecrets secrets = federation.Secrets[1];
        secrets.EraseSlot(0);

        Assert.Throws<ObjectDisposedException>(() => RoundMasks.OfSilo(federation.Scope(10, Ring.K32, slot: 0), secrets));
        RoundMasks.OfSilo(federation.Scope(10, Ring.K32, slot: 1), secrets).Dispose();
        Assert.Throws<ObjectDisposedException>(() => secrets.CopyTo(new byte[secrets.StoredBytes]));
    }

    [Fact]
    public void Read_SecretsOfZeros_AreErasedAndTheOthersAreThere()
    {
        TestFederation federation = new(4, slots: 2);
        byte[] stored = new byte[federation.Secrets[1].StoredBytes];
        federation.Secrets[1].CopyTo(stored);
        using EpochSecrets noSlot = EpochSecrets.Read(Without(stored, 68, 64));
        using EpochSecrets noSeed = EpochSecrets.Read(Without(stored, 36, 32));
        using EpochSecrets noKey = EpochSecrets.Read(Without(stored, 4, 32));
        noSlot.EraseSlot(0);

        Assert.Throws<ObjectDisposedException>(() => RoundMasks.OfSilo(federation.Scope(10, Ring.K32, slot: 0), noSlot));
        RoundMasks.OfSilo(federation.Scope(10, Ring.K32, slot: 1), noSlot).Dispose();
        Assert.Throws<ObjectDisposedException>(() => noSlot.Advertise(federation.Parameters));
        Assert.Throws<ObjectDisposedException>(() => DealtShares.Deal(federation.Members, noSeed));
        RoundMasks.OfSilo(federation.Scope(10, Ring.K32), noSeed).Dispose();
        Assert.Equal(SecureAggregationBody.Encode(federation.Secrets[1].Advertise(federation.Parameters)), SecureAggregationBody.Encode(noSeed.Advertise(federation.Parameters)));
        Assert.Throws<ObjectDisposedException>(() => HeldShares.Receive(federation.Members, noKey, federation.Dealt[1].Own, federation.Deliveries(1), federation.Keys));

        static byte[] Without(byte[] stored, int first, int count)
        {
            byte[] rest = [.. stored];
            rest.AsSpan(first, count).Clear();
            return rest;
        }
    }

    [Fact]
    public void EraseSlot_OfShares_LeavesTheOtherSlotAlsoAfterStorage()
    {
        TestFederation federation = new(4, slots: 2);
        ShareBundle bundle = federation.Dealt[1].Own;
        byte[] second = bundle.Share(1, ShareKind.SelfSeed).ToArray();
        bundle.EraseSlot(0);
        using ShareBundle read = new(bundle.Bytes);

        Assert.Equal(new byte[64], bundle.Bytes[..64].ToArray());
        Assert.Throws<ObjectDisposedException>(() => bundle.Share(0, ShareKind.PairwiseKey).ToArray());
        Assert.Throws<ObjectDisposedException>(() => read.Share(0, ShareKind.PairwiseKey).ToArray());
        Assert.Equal(second, read.Share(1, ShareKind.SelfSeed).ToArray());
    }

    [Fact]
    public void EraseSlot_OfHeldShares_RevealsNothingMore()
    {
        TestFederation federation = new(4, slots: 2);
        RoundScope scope = federation.Scope(10, Ring.K32);
        TestRound round = new(federation, scope, new Dictionary<int, byte[]> { [1] = new byte[40], [2] = new byte[40], [3] = new byte[40] });
        HeldShares held = federation.Held(1);
        held.EraseSlot(0);

        Assert.Throws<ObjectDisposedException>(() => held.Unmask(scope, round.Agreement));
    }

    [Fact]
    public void EraseCoefficientSeed_SharesCannotBeMadeAgain()
    {
        TestFederation federation = new(4);
        federation.Secrets[1].EraseCoefficientSeed();

        Assert.Throws<ObjectDisposedException>(() => DealtShares.Deal(federation.Members, federation.Secrets[1]));
        RoundMasks.OfSilo(federation.Scope(10, Ring.K32), federation.Secrets[1]).Dispose();
    }

    [Fact]
    public void Use_AfterDisposal_IsRefused()
    {
        foreach (AesPath path in (AesPath[])[AesPath.Automatic, AesPath.Library])
        {
            AesCtrKeystream stream = new(new byte[32], path);
            stream.Dispose();

            Assert.Throws<ObjectDisposedException>(() => stream.Fill(new byte[32], 0));
            Assert.Throws<ObjectDisposedException>(() => stream.Add(Ring.K32, new byte[32], 0));
            Assert.Throws<ObjectDisposedException>(() => stream.Add(Ring.K24, new byte[33], 0));
        }

        AgreementKey key = AgreementKey.FromScalar([.. new byte[31], 1]);
        key.Dispose();
        Assert.True(key.IsErased);
        Assert.Throws<ObjectDisposedException>(() => key.Agree(key.Public, new byte[32]));
    }

    [Fact]
    public void TryDecrypt_NotAuthentic_LeavesZeros()
    {
        byte[] bundle = [.. Enumerable.Repeat((byte)0xEE, 64)];
        byte[] sealedBundle = ShareCipher.Encrypt(new byte[32], Canonical(), Canonical(), 1, 2, new byte[64]);
        sealedBundle[^1] ^= 1;

        Assert.False(ShareCipher.TryDecrypt(new byte[32], Canonical(), Canonical(), 1, 2, sealedBundle, bundle));
        Assert.Equal(new byte[64], bundle);

        static Protocol.Canonical.Sha256Digest Canonical() => Protocol.Canonical.Sha256Digest.Zero;
    }

    private static void Erased(IDisposable holder, string fields)
    {
        List<byte[]> secrets = [];
        Collect(holder, [.. fields.Split(' ')], secrets, []);
        Assert.NotEmpty(secrets);
        Assert.Contains(secrets, secret => secret.Any(b => b != 0));

        holder.Dispose();

        Assert.All(secrets, secret => Assert.All(secret, b => Assert.Equal(0, b)));
    }

    private static void Collect(object? value, HashSet<string> fields, List<byte[]> found, HashSet<object> seen)
    {
        if (value is byte[] bytes)
        {
            found.Add(bytes);
            return;
        }

        if (value is null or string || !seen.Add(value))
        {
            return;
        }

        if (value is IEnumerable items)
        {
            foreach (object? item in items)
            {
                Collect(item, fields, found, seen);
            }
        }

        Type type = value.GetType();
        bool isPair = type.IsGenericType && (type.Name.StartsWith("KeyValuePair", StringComparison.Ordinal) || type.Name.StartsWith("ValueTuple", StringComparison.Ordinal));
        foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public))
        {
            if (isPair || fields.Contains(field.Name))
            {
                Collect(field.GetValue(value), fields, found, seen);
            }
        }
    }
}
