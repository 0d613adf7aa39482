// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>R6 and R7 at the coordinator: collects the shares that open a sum, and puts the secrets together (secure-aggregation, section 5.2).</summary>
/// <remarks>Each secret is put together from exactly the t valid shares of smallest index. Copies of shares are zeroed when this is disposed.</remarks>
public sealed class SecretRecovery : IDisposable
{
    private readonly RoundScope _scope;
    private readonly U3Agreement _agreement;
    private readonly IReadOnlyDictionary<int, ShareUpload> _dealt;
    private readonly SortedDictionary<int, SortedDictionary<int, byte[]>> _byDealer = [];
    private readonly HashSet<int> _responders = [];

    /// <summary>Begins.</summary>
    /// <param name="scope">The round.</param>
    /// <param name="agreement">U3.</param>
    /// <param name="dealt">The checked commitments of each member of U2.</param>
    public SecretRecovery(RoundScope scope, U3Agreement agreement, IReadOnlyDictionary<int, ShareUpload> dealt)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(agreement);
        _scope = scope;
        _agreement = agreement;
        _dealt = dealt;
        foreach (int dealer in scope.U2)
        {
            _byDealer[dealer] = [];
        }
    }

    /// <summary>The silos whose responses were counted.</summary>
    public IReadOnlyCollection<int> Responders => _responders;

    /// <summary>Adds a response. A share that fails its commitment is left out and named; the others count.</summary>
    /// <param name="envelope">The signed body, decrypted.</param>
    /// <param name="identityKeys">The roster's identity keys by index.</param>
    /// <returns>The shares that were left out.</returns>
    /// <exception cref="FedCloudException"><c>unmask_invalid</c>, <c>signature_invalid</c>, or a code of the body.</exception>
    public ImmutableArray<ShareFault> Add(DsseEnvelope envelope, IReadOnlyDictionary<int, VerificationKey> identityKeys)
    {
        UnmaskBody body = Signer.Open<UnmaskBody>(envelope, identityKeys, unmask => unmask.Idx);
        if (body.Rid != _scope.Rid || body.U3Sha256 != _agreement.U3Sha256 || !_agreement.Vectors.ContainsKey(body.Idx)
            || !body.S.Keys.SequenceEqual(_agreement.Dropped) || !body.B.Keys.SequenceEqual(_agreement.U3))
        {
            throw new FedCloudException(ErrorCodes.UnmaskInvalid, $"silo {body.Idx}: expected {_agreement.Dropped.Length} shares of keys and {_agreement.U3.Length} of seeds for this list from one of its members, found others");
        }

        if (!_responders.Add(body.Idx))
        {
            return []; // the same body again, or another with the same commitments: nothing new to learn
        }

        return [.. Keep(body.Idx, body.S, ShareKind.PairwiseKey), .. Keep(body.Idx, body.B, ShareKind.SelfSeed)];
    }

    /// <summary>Puts the secrets together, once every one has t valid shares.</summary>
    public Recovery Recover()
    {
        int threshold = _agreement.Threshold;
        ImmutableArray<int> waiting = [.. _byDealer.Where(pair => pair.Value.Count < threshold).Select(pair => pair.Key)];
        if (waiting.Length > 0)
        {
            return new Recovery.Waiting(waiting);
        }

        Dictionary<int, byte[]> seeds = [];
        Dictionary<int, byte[]> keys = [];
        try
        {
            List<int> inconsistent = [];
            foreach ((int dealer, SortedDictionary<int, byte[]> shares) in _byDealer)
            {
                byte[] secret = GC.AllocateArray<byte>(Shamir.ShareBytes, pinned: true);
                bool counted = _agreement.Vectors.ContainsKey(dealer);
                (counted ? seeds : keys)[dealer] = secret;
                Shamir.Combine(threshold, [.. shares.Take(threshold)], secret);
                if (!(counted ? RevealedSecrets.IsSeed(_scope, dealer, secret) : RevealedSecrets.IsKey(_scope, dealer, secret)))
                {
                    inconsistent.Add(dealer);
                }
            }

            return inconsistent.Count > 0
                ? new Recovery.Inconsistent([.. inconsistent])
                : new Recovery.Complete(RevealedSecrets.Open(_scope, _agreement, seeds, keys));
        }
        finally
        {
            Zero(seeds.Values);
            Zero(keys.Values);
        }
    }

    /// <summary>Zeroes the shares.</summary>
    public void Dispose()
    {
        foreach (SortedDictionary<int, byte[]> shares in _byDealer.Values)
        {
            Zero(shares.Values);
        }
    }

    private IEnumerable<ShareFault> Keep(int responder, ImmutableSortedDictionary<int, RevealedShare> revealed, ShareKind kind)
    {
        foreach ((int dealer, RevealedShare share) in revealed)
        {
            byte[] bytes = share.ToBytes();
            if (_dealt[dealer].Commitments[responder].Matches(_scope.Members.Sid, dealer, responder, _scope.Slot, kind, bytes))
            {
                _byDealer[dealer][responder] = bytes;
            }
            else
            {
                yield return new ShareFault(responder, dealer, kind);
            }
        }
    }

    private static void Zero(IEnumerable<byte[]> secrets)
    {
        foreach (byte[] secret in secrets)
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }
}
