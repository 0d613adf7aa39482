// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Benchmarks;

/// <summary>A round whose silos, but for the last few, uploaded: their masked vectors lie in files, as after ingest.</summary>
internal sealed class SecureRoundFiles : IDisposable
{
    private readonly string _folder;
    private readonly SecureEpoch _epoch;
    private readonly int _parameters;

    /// <summary>Writes the vectors into a folder, which is removed in the end.</summary>
    public SecureRoundFiles(SecureEpoch epoch, Ring ring, int parameters, int dropouts, string folder)
    {
        _folder = folder;
        _epoch = epoch;
        _parameters = parameters;
        int silos = epoch.Secrets.Count;
        bool rotated = ring.Bits == 16;
        long length = rotated ? HadamardRotation.PaddedLength(parameters) : parameters;
        RingSegment model = new() { Name = RingSegment.Model, Length = length, Clip = 1, Range = rotated ? 0.01 : 1, Weighted = true };
        Layout = RingLayout.Create(ring, RingLayout.LargestBits(ring, silos), silos, [model], rotated);
        Scope = RoundScope.Create(epoch.Members, epoch.Secrets.Keys.Order(), 0, 1, Sha256Digest.Zero, Sha256Digest.Zero, Layout.D, ring);
        Store = new FolderBlobStore(folder);
        Vectors = epoch.Secrets.Keys.Order().SkipLast(dropouts).ToImmutableSortedDictionary(u => u, u => new BlobName("rounds", $"{u}.masked"));
        MaskedBody[] bodies = [.. Vectors.Keys.AsParallel().Select(WriteVector)];
        Agreement = U3Agreement.Open(Scope, U3Agreement.List(Scope, bodies), [.. bodies.Select(epoch.Sign)], epoch.Keys, 0, hasPrivacy: false);
    }

    public FolderBlobStore Store { get; }

    public RingLayout Layout { get; }

    public RoundScope Scope { get; }

    public U3Agreement Agreement { get; }

    public ImmutableSortedDictionary<int, BlobName> Vectors { get; }

    public SumTerms Terms => new() { Layout = Layout, Coordinates = _parameters, MinWeight = Layout.Limit, NormMaximum = null };

    public string ZPath => Store.PathOf(new BlobName("rounds", "z"));

    public string MeanPath => Store.PathOf(new BlobName("rounds", "mean"));

    public RevealedSecrets Recover() => _epoch.Recover(Scope, Agreement);

    public Task<OpenedSum> SumAsync(RevealedSecrets secrets, int workers) => new SecureSum(Store).RunAsync(
        new SecureSumInputs { Scope = Scope, Agreement = Agreement, Secrets = secrets, Terms = Terms, Vectors = Vectors }, ZPath, MeanPath, workers, parts: null, default);

    public Dictionary<int, Stream> Open() => Vectors.ToDictionary(pair => pair.Key, pair => (Stream)File.OpenRead(Store.PathOf(pair.Value)));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The silos have one update, which each rounds by coins of its own; the coordinator cannot tell.
    private MaskedBody WriteVector(int u)
    {
        Ring ring = Layout.Ring;
        using UpdateQuantizer quantizer = new(Layout, RandomNumberGenerator.GetBytes(32));
        using HadamardRotation rotation = new(Scope.Rid);
        using RoundMasks masks = RoundMasks.OfSilo(Scope, _epoch.Secrets[u]);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using FileStream file = File.Create(Store.PathOf(Vectors[u]));
        double[] values = new double[HadamardRotation.MaxBlock];
        byte[] words = new byte[values.Length * ring.WordBytes];
        Random random = new(1);
        foreach ((long first, int length) in HadamardRotation.Blocks(Layout.Segments[0].Length))
        {
            Span<double> block = values.AsSpan(0, length);
            block.Clear();
            foreach (ref double value in block[..(int)Math.Clamp(_parameters - first, 0, length)])
            {
                value = (random.NextDouble() - 0.5) / Math.Sqrt(_parameters);
            }

            if (Layout.Rotated)
            {
                rotation.Forward(block, first);
            }

            quantizer.Quantize(0, first, block, 1, words.AsSpan(0, length * ring.WordBytes));
            Put(words.AsSpan(0, length * ring.WordBytes), first);
        }

        Span<byte> weight = words.AsSpan(0, ring.WordBytes);
        RingWords.Write(ring, weight, 0, Layout.Limit);
        Put(weight, Layout.D - 1);
        return new() { Rid = Scope.Rid, Idx = u, YSha256 = Sha256Digest.FromBytes(hash.GetHashAndReset()), YLen = Scope.VectorBytes, LedgerHead = Sha256Digest.Zero, JournalHead = Sha256Digest.Zero };

        void Put(Span<byte> part, long firstWord)
        {
            masks.Apply(part, firstWord);
            hash.AppendData(part);
            file.Write(part);
        }
    }
}
