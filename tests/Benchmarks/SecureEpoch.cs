// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Benchmarks;

/// <summary>An epoch of one slot with everyone's secrets in one place.</summary>
internal sealed class SecureEpoch : IDisposable
{
    private readonly Dictionary<int, ECDsa> _identities;
    private readonly Dictionary<int, ShareUpload> _uploads = [];
    private readonly Dictionary<int, HeldShares> _held = [];

    private SecureEpoch(Dictionary<int, ECDsa> identities, Dictionary<int, EpochSecrets> secrets)
    {
        _identities = identities;
        Secrets = secrets;
        Keys = identities.ToDictionary(pair => pair.Key, pair => VerificationKey.Of(pair.Value));
        EpochParams parameters = EpochParams.Create(new FederationId("benchmark"), 1, Sha256Digest.Zero, secrets.Count, slots: 1);
        Members = EpochMembers.Open(parameters, [.. secrets.Values.Select(secret => Sign(secret.Advertise(parameters)))], Keys);
    }

    public Dictionary<int, EpochSecrets> Secrets { get; }

    public Dictionary<int, VerificationKey> Keys { get; }

    public EpochMembers Members { get; }

    public static SecureEpoch Open(int silos)
    {
        int[] all = [.. Enumerable.Range(1, silos)];
        SecureEpoch epoch = new(all.ToDictionary(u => u, _ => ECDsa.Create(ECCurve.NamedCurves.nistP256)), all.ToDictionary(u => u, u => EpochSecrets.Generate(u, 1, RandomNumberGenerator.Fill)));
        epoch.Share();
        return epoch;
    }

    public DsseEnvelope Sign(MaskedBody body) => Sign<MaskedBody>(body);

    public RevealedSecrets Recover(RoundScope scope, U3Agreement agreement)
    {
        using SecretRecovery recovery = new(scope, agreement, _uploads);
        foreach (int u in agreement.U3)
        {
            recovery.Add(Sign(_held[u].Unmask(scope, agreement)), Keys);
        }

        return recovery.Recover() is Recovery.Complete complete ? complete.Secrets : throw new InvalidOperationException("the secrets were not recovered");
    }

    public void Dispose()
    {
        foreach (IDisposable owned in _identities.Values.Concat<IDisposable>(Secrets.Values).Concat(_held.Values))
        {
            owned.Dispose();
        }
    }

    private void Share()
    {
        Dictionary<int, DealtShares> dealt = Secrets.ToDictionary(pair => pair.Key, pair => DealtShares.Deal(Members, pair.Value));
        Dictionary<int, DsseEnvelope> signed = dealt.ToDictionary(pair => pair.Key, pair => Sign(pair.Value.Body));
        foreach (int v in Secrets.Keys)
        {
            ImmutableSortedDictionary<int, ShareDelivery> deliveries = dealt.ToImmutableSortedDictionary(
                pair => pair.Key,
                pair => new ShareDelivery(signed[pair.Key], pair.Value.Ciphertexts.GetValueOrDefault(v, []), pair.Value.Commitments[v].Slice.ToArray()));
            ShareReceipt receipt = HeldShares.Receive(Members, Secrets[v], dealt[v].Own, deliveries, Keys);
            _held[v] = receipt is ShareReceipt.Accepted accepted ? accepted.Shares : throw new InvalidOperationException("shares were refused");
            _uploads[v] = ShareUpload.Open(Members, signed[v], dealt[v].Ciphertexts, dealt[v].Commitments.ToDictionary(pair => pair.Key, pair => pair.Value.Slice.ToArray()), Keys);
        }
    }

    private DsseEnvelope Sign<T>(T body)
        where T : class, ISecureAggregationBody<T> => SecureAggregationBody.Sign(body, body switch
        {
            AdvertiseBody advertise => _identities[advertise.Idx],
            SharesBody shares => _identities[shares.Idx],
            UnmaskBody unmask => _identities[unmask.Idx],
            MaskedBody masked => _identities[masked.Idx],
            _ => throw new InvalidOperationException("not a silo's body"),
        });
}
