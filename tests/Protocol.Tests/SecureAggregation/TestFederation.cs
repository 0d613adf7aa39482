// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

/// <summary>All silos of an epoch and their coordinator, with every secret at hand.</summary>
internal sealed class TestFederation
{
    private readonly Random _random;

    public TestFederation(int n, int slots = 1, int seed = 1, IEnumerable<int>? u1 = null)
        : this(
            EpochParams.Create(new FederationId("test-federation"), 1, Sha256Digest.Of("roster"u8), n, slots),
            Enumerable.Range(1, n).ToDictionary(u => u, _ => ECDsa.Create(ECCurve.NamedCurves.nistP256)),
            ECDsa.Create(ECCurve.NamedCurves.nistP256),
            seed,
            u1)
    {
    }

    /// <summary>An epoch of a roster whose keys are given.</summary>
    public TestFederation(EpochParams parameters, Dictionary<int, ECDsa> identities, ECDsa coordinator, int seed = 1, IEnumerable<int>? u1 = null)
    {
        _random = new Random(seed);
        Parameters = parameters;
        Identities = identities;
        Coordinator = coordinator;
        int slots = parameters.Slots;
        Keys = Identities.ToImmutableSortedDictionary(pair => pair.Key, pair => VerificationKey.Of(pair.Value));
        int[] present = [.. u1 ?? Enumerable.Range(1, parameters.N)];
        Secrets = present.ToDictionary(u => u, u => EpochSecrets.Generate(u, slots, Fill));
        Advertisements = [.. present.Select(u => Sign(u, Secrets[u].Advertise(Parameters)))];
        Members = EpochMembers.Open(Parameters, Advertisements, Keys);
        Dealt = present.ToDictionary(u => u, u => DealtShares.Deal(Members, Secrets[u]));
        Shares = present.ToDictionary(u => u, u => Sign(u, Dealt[u].Body));
    }

    public ECDsa Coordinator { get; }

    public EpochParams Parameters { get; }

    public Dictionary<int, ECDsa> Identities { get; }

    public ImmutableSortedDictionary<int, VerificationKey> Keys { get; }

    public Dictionary<int, EpochSecrets> Secrets { get; }

    public ImmutableArray<DsseEnvelope> Advertisements { get; }

    public EpochMembers Members { get; }

    public Dictionary<int, DealtShares> Dealt { get; }

    public Dictionary<int, DsseEnvelope> Shares { get; }

    public RosterKeys RosterKeys => new(Keys, [VerificationKey.Of(Coordinator)]);

    public void Fill(Span<byte> destination) => _random.NextBytes(destination);

    public DsseEnvelope Sign<T>(int u, T body)
        where T : class, ISecureAggregationBody<T> => SecureAggregationBody.Sign(body, u == 0 ? Coordinator : Identities[u]);

    public ImmutableSortedDictionary<int, ShareDelivery> Deliveries(int v, IEnumerable<int>? u2 = null) =>
        (u2 ?? Members.U1.Keys).ToImmutableSortedDictionary(u => u, u => new ShareDelivery(Shares[u], Dealt[u].Ciphertexts.GetValueOrDefault(v, []), Dealt[u].Commitments[v].Slice.ToArray()));

    public ShareReceipt Receive(int v, ImmutableSortedDictionary<int, ShareDelivery>? deliveries = null) =>
        HeldShares.Receive(Members, Secrets[v], Dealt[v].Own, deliveries ?? Deliveries(v), Keys);

    public HeldShares Held(int v, IEnumerable<int>? u2 = null) => Assert.IsType<ShareReceipt.Accepted>(Receive(v, Deliveries(v, u2))).Shares;

    public ShareUpload Upload(int u) =>
        ShareUpload.Open(Members, Shares[u], Dealt[u].Ciphertexts, Dealt[u].Commitments.ToDictionary(pair => pair.Key, pair => pair.Value.Slice.ToArray()), Keys);

    public ImmutableArray<DsseEnvelope> Acks(IEnumerable<int>? u2 = null)
    {
        int[] cohort = [.. u2 ?? Members.U1.Keys];
        return [.. cohort.Select(v => Sign(v, Assert.IsType<ShareReceipt.Accepted>(Receive(v, Deliveries(v, cohort))).Ack))];
    }

    public RoundScope Scope(long d, Ring ring, int slot = 0, IEnumerable<int>? u2 = null) =>
        RoundScope.Create(Members, u2 ?? Members.U1.Keys, slot, 7, Sha256Digest.Of("model"u8), Sha256Digest.Of("config"u8), d, ring);
}

/// <summary>A round in which given silos upload given vectors.</summary>
internal sealed class TestRound
{
    public TestRound(TestFederation federation, RoundScope scope, IReadOnlyDictionary<int, byte[]> inputs)
    {
        Federation = federation;
        Scope = scope;
        Vectors = inputs.ToDictionary(pair => pair.Key, pair => Mask(pair.Key, pair.Value));
        Masked = inputs.Keys.ToDictionary(u => u, MaskedOf);
        MaskedEnvelopes = [.. Masked.Keys.Order().Select(u => federation.Sign(u, Masked[u]))];
        List = U3Agreement.List(scope, Masked.Values);
    }

    /// <summary>A round of one slot in which the given silos of n upload random vectors of 32-bit words.</summary>
    public static TestRound Of(int n, int[] u3, long d = 40)
    {
        TestFederation federation = new(n);
        RoundScope scope = federation.Scope(d, Ring.K32);
        return new TestRound(federation, scope, u3.ToDictionary(u => u, _ =>
        {
            byte[] input = new byte[scope.VectorBytes];
            federation.Fill(input);
            return input;
        }));
    }

    public TestFederation Federation { get; }

    public RoundScope Scope { get; }

    public Dictionary<int, byte[]> Vectors { get; }

    public Dictionary<int, MaskedBody> Masked { get; }

    public ImmutableArray<DsseEnvelope> MaskedEnvelopes { get; }

    public U3ListBody List { get; }

    public U3Agreement Agreement => U3Agreement.Open(Scope, List, MaskedEnvelopes, Federation.Keys, 0, hasPrivacy: false);

    public SecretRecovery Recovery => new(Scope, Agreement, Scope.U2.ToDictionary(u => u, Federation.Upload));

    public DsseEnvelope Unmask(int u) => Federation.Sign(u, Federation.Held(u, Scope.U2).Unmask(Scope, Agreement));

    public RevealedSecrets Reveal(IEnumerable<int> responders)
    {
        using SecretRecovery recovery = Recovery;
        foreach (int u in responders)
        {
            Assert.Empty(recovery.Add(Unmask(u), Federation.Keys));
        }

        return Assert.IsType<Recovery.Complete>(recovery.Recover()).Secrets;
    }

    public Dictionary<int, Stream> Streams() => Vectors.ToDictionary(pair => pair.Key, pair => (Stream)new MemoryStream(pair.Value));

    public RoundEvidence Evidence(RevealedSecrets secrets, Sha256Digest aggregate, RunId? job = null, Sha256Digest? next = null)
    {
        ImmutableArray<DsseEnvelope> acks = Federation.Acks(Scope.U2);
        ResultBody result = new() { Rid = Scope.Rid, U3Sha256 = List.U3Sha256, SeedsSha256 = secrets.SeedsSha256(), AggregateSha256 = aggregate, NewModelSha256 = next ?? Sha256Digest.Of("new"u8) };
        return new RoundEvidence
        {
            Epoch = Federation.Parameters,
            Advertisements = Federation.Advertisements,
            Acks = acks,
            Start = Federation.Sign(0, Scope.Start(job ?? new RunId("run-1"), 1000, ShareAcks.Require(Federation.Members, Scope.U2, acks, Federation.Keys))),
            Masked = MaskedEnvelopes,
            U3List = Federation.Sign(0, List),
            Consistencies = [.. Agreement.U3.Select(u => Federation.Sign(u, Agreement.Consistency(u)))],
            SelfSeeds = secrets.SelfSeeds.ToImmutableSortedDictionary(pair => pair.Key, pair => pair.Value.Span.ToArray()),
            PairwiseKeys = secrets.PairwiseKeys.ToImmutableSortedDictionary(pair => pair.Key, pair => Scalar(pair.Value)),
            Result = Federation.Sign(0, result),
        };
    }

    public RoundTerms Terms => new(Scope.ConfigSha256, Scope.D, Scope.Ring, 0, HasPrivacy: false);

    public static byte[] Scalar(AgreementKey key)
    {
        byte[] scalar = new byte[32];
        key.CopyScalarTo(scalar);
        return scalar;
    }

    private byte[] Mask(int u, byte[] input)
    {
        byte[] vector = [.. input];
        using RoundMasks masks = RoundMasks.OfSilo(Scope, Federation.Secrets[u]);
        masks.Apply(vector, 0);
        return vector;
    }

    private MaskedBody MaskedOf(int u) => new()
    {
        Rid = Scope.Rid,
        Idx = u,
        YSha256 = Sha256Digest.Of(Vectors[u]),
        YLen = Vectors[u].Length,
        LedgerHead = Sha256Digest.Zero,
        JournalHead = Sha256Digest.Of("journal"u8),
    };
}
