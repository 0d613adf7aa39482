// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Benchmarks;

/// <summary>Secure aggregation of 10 million parameters from 10 silos, on one core: a silo's work, the coordinator's, and the mask generator by itself.</summary>
internal static class SecureAggregationCost
{
    private const int Silos = 10;
    private const int Parameters = 10_000_000;
    private const int Repeats = 7;
    private const int ChunkWords = RoundAggregate.DefaultRange;

    public static int Run()
    {
        Console.WriteLine(AesCtrKeystream.HasInstructions ? "AES by processor instructions" : "AES by the platform's library");
        Keystreams();
        using Epoch epoch = Epoch.Open();
        foreach (Ring ring in (Ring[])[Ring.K32, Ring.K24, Ring.K16])
        {
            Round(epoch, ring);
        }

        return 0;
    }

    private static void Keystreams()
    {
        byte[] words = new byte[48 * 1024];
        foreach (Ring ring in (Ring[])[Ring.K32, Ring.K24, Ring.K16])
        {
            foreach (AesPath path in (AesPath[])[AesPath.Automatic, AesPath.Library])
            {
                using AesCtrKeystream stream = new(RandomNumberGenerator.GetBytes(32), path);
                const int Passes = 4000;
                double seconds = Median(() =>
                {
                    for (int pass = 0; pass < Passes; pass++)
                    {
                        stream.Add(ring, words, (long)pass * (words.Length / ring.WordBytes));
                    }
                });
                Print($"keystream and addition, k = {ring.Bits}, {path}", $"{(double)Passes * words.Length / seconds / 1e9:F2} GB/s");
            }
        }
    }

    private static void Round(Epoch epoch, Ring ring)
    {
        bool rotated = ring.Bits == 16;
        long length = rotated ? HadamardRotation.PaddedLength(Parameters) : Parameters;
        RingSegment model = new() { Name = RingSegment.Model, Length = length, Clip = 1, Range = rotated ? 0.01 : 1, Weighted = true };
        RingLayout layout = RingLayout.Create(ring, RingLayout.LargestBits(ring, Silos), Silos, [model], rotated);
        RoundScope scope = RoundScope.Create(epoch.Members, Enumerable.Range(1, Silos), 0, 1, Sha256Digest.Zero, Sha256Digest.Zero, layout.D, ring);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"k = {ring.Bits}: {layout.D} coordinates, {scope.VectorBytes / 1e6:F1} MB a silo"));
        float[] update = new float[Parameters];
        Random random = new(1);
        foreach (ref float value in update.AsSpan())
        {
            value = (float)(random.NextDouble() - 0.5) / 2000;
        }

        byte[] vector = new byte[scope.VectorBytes];
        SiloWork(epoch, scope, layout, update, vector);
        CoordinatorWork(epoch, scope, vector);
    }

    private static void SiloWork(Epoch epoch, RoundScope scope, RingLayout layout, float[] update, byte[] vector)
    {
        double quantise = Median(() => Quantise(scope, layout, update, vector));
        double mask = Median(() =>
        {
            using RoundMasks masks = RoundMasks.OfSilo(scope, epoch.Secrets[1]);
            masks.Apply(vector, 0);
        });
        double digest = Median(() => SHA256.HashData(vector));
        Print("  silo: clip, round, encode", $"{quantise:F3} s");
        Print("  silo: keys and masks", $"{mask:F3} s");
        Print("  silo: digest", $"{digest:F3} s");
        Print("  silo: all", $"{quantise + mask + digest:F3} s");
    }

    private static void Quantise(RoundScope scope, RingLayout layout, float[] update, byte[] vector)
    {
        SquaredNorm norm = new();
        norm.Add(update);
        double factor = UpdateQuantizer.Factor(norm.Norm, layout.Segments[0].Clip);
        using UpdateQuantizer quantizer = new(layout, RandomNumberGenerator.GetBytes(32));
        int wordBytes = layout.Ring.WordBytes;
        if (layout.Rotated)
        {
            Rotated(scope, layout, update, factor, quantizer, vector);
        }
        else
        {
            quantizer.Quantize(0, 0, update, factor, vector.AsSpan(0, update.Length * wordBytes));
        }

        quantizer.RequireClampLimit(0);
        RingWords.Write(layout.Ring, vector, (int)layout.D - 1, DeclaredWeight.Quantize(1, 1, layout));
    }

    private static void Rotated(RoundScope scope, RingLayout layout, float[] update, double factor, UpdateQuantizer quantizer, byte[] vector)
    {
        using HadamardRotation rotation = new(scope.Rid);
        double[] block = new double[HadamardRotation.MaxBlock];
        foreach ((long first, int length) in HadamardRotation.Blocks(layout.Segments[0].Length))
        {
            Span<double> values = block.AsSpan(0, length);
            values.Clear();
            for (int i = 0; i < Math.Min(length, update.Length - first); i++)
            {
                values[i] = update[first + i];
            }

            rotation.Forward(values, first);
            quantizer.Quantize(0, first, values, factor, vector.AsSpan((int)first * layout.Ring.WordBytes, length * layout.Ring.WordBytes));
        }
    }

    // Silos 9 and 10 dropped out. Every silo uploads the same bytes, so that the benchmark needs one vector's memory.
    private static void CoordinatorWork(Epoch epoch, RoundScope scope, byte[] vector)
    {
        MaskedBody Masked(int u) => new() { Rid = scope.Rid, Idx = u, YSha256 = Sha256Digest.Of(vector), YLen = vector.Length, LedgerHead = Sha256Digest.Zero, JournalHead = Sha256Digest.Zero };
        ImmutableArray<MaskedBody> bodies = [.. Enumerable.Range(1, Silos - 2).Select(Masked)];
        U3Agreement agreement = U3Agreement.Open(scope, U3Agreement.List(scope, bodies), [.. bodies.Select(epoch.Sign)], epoch.Keys, 0, hasPrivacy: false);
        double recover = Median(() => epoch.Recover(scope, agreement).Dispose());
        using RevealedSecrets secrets = epoch.Recover(scope, agreement);
        double sum = Median(() => Sum(scope, agreement, secrets, vector));
        double audit = Median(() => RoundAggregate.Compute(scope, agreement, secrets, agreement.U3.ToDictionary(u => u, _ => (Stream)new MemoryStream(vector)), Stream.Null));
        Print("  coordinator: verify shares, put 10 secrets together", $"{recover:F3} s");
        Print("  coordinator: sum of 8 vectors, unmasking with 2 dropouts", $"{sum:F3} s");
        Print("  the same with the digests of all vectors and of the sum", $"{audit:F3} s");
    }

    // As after ingest, where the digest of each vector was checked.
    private static void Sum(RoundScope scope, U3Agreement agreement, RevealedSecrets secrets, byte[] vector)
    {
        using RoundMasks masks = RoundMasks.OfSum(scope, agreement, secrets);
        RingSum sum = new(scope.Ring, ChunkWords);
        for (long first = 0; first < scope.D; first += ChunkWords)
        {
            int words = (int)Math.Min(ChunkWords, scope.D - first);
            sum.Begin(first, words);
            foreach (int _ in agreement.U3)
            {
                sum.Add(vector.AsSpan((int)first * scope.Ring.WordBytes, words * scope.Ring.WordBytes));
            }

            sum.Unmask(masks);
        }
    }

    private static double Median(Action work)
    {
        work();
        double[] seconds = new double[Repeats];
        for (int i = 0; i < Repeats; i++)
        {
            Stopwatch watch = Stopwatch.StartNew();
            work();
            seconds[i] = watch.Elapsed.TotalSeconds;
        }

        return seconds.Order().ElementAt(Repeats / 2);
    }

    private static void Print(string what, FormattableString value) => Console.WriteLine($"{what,-62} {value.ToString(CultureInfo.InvariantCulture)}");

    /// <summary>An epoch of one slot with everyone's secrets in one place.</summary>
    private sealed class Epoch : IDisposable
    {
        private readonly Dictionary<int, ECDsa> _identities;
        private readonly Dictionary<int, ShareUpload> _uploads = [];
        private readonly Dictionary<int, HeldShares> _held = [];

        private Epoch(Dictionary<int, ECDsa> identities, Dictionary<int, EpochSecrets> secrets)
        {
            _identities = identities;
            Secrets = secrets;
            Keys = identities.ToDictionary(pair => pair.Key, pair => VerificationKey.Of(pair.Value));
            EpochParams parameters = EpochParams.Create(new FederationId("benchmark"), 1, Sha256Digest.Zero, Silos, slots: 1);
            Members = EpochMembers.Open(parameters, [.. secrets.Values.Select(secret => Sign(secret.Advertise(parameters)))], Keys);
        }

        public Dictionary<int, EpochSecrets> Secrets { get; }

        public Dictionary<int, VerificationKey> Keys { get; }

        public EpochMembers Members { get; }

        public static Epoch Open()
        {
            int[] all = [.. Enumerable.Range(1, Silos)];
            Epoch epoch = new(all.ToDictionary(u => u, _ => ECDsa.Create(ECCurve.NamedCurves.nistP256)), all.ToDictionary(u => u, u => EpochSecrets.Generate(u, 1, RandomNumberGenerator.Fill)));
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
}
