// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Tests.SecureAggregation;
using FedCloud.Simulation.Tests.Whole;

namespace FedCloud.Coordinator.Tests.SecureAggregation;

/// <summary>A round of real silos, whose masked vectors wait in envelopes in a store.</summary>
internal sealed class SecureRound : IDisposable
{
    public const long MaxWeight = 100;

    private static readonly string Keys = Path.Combine(Directory.CreateTempSubdirectory("secure-round-keys").FullName, "keys");
    private static readonly FileKeyVault SharedVault = new(Keys);

    private readonly string _folder = Directory.CreateTempSubdirectory("secure-round").FullName;

    /// <summary>A round of n silos of which those of U3 upload.</summary>
    /// <param name="n">The roster's size.</param>
    /// <param name="bits">k.</param>
    /// <param name="coordinates">The model's coordinates, without padding.</param>
    /// <param name="u3">Who uploads.</param>
    /// <param name="declared">The declared counts, for <see cref="MaxWeight"/>; null for uniform weights.</param>
    /// <param name="weightWord">Changes the weight word of the first silo of U3.</param>
    public SecureRound(int n, int bits, int coordinates, int[] u3, long[]? declared = null, Func<long, long>? weightWord = null)
    {
        Ring ring = Ring.OfBits(bits);
        bool rotated = bits == 16;
        RingSegment model = new() { Name = RingSegment.Model, Length = rotated ? HadamardRotation.PaddedLength(coordinates) : coordinates, Clip = 1, Range = 1, Weighted = true };
        RingSegment metrics = new() { Name = RingSegment.Metrics, Length = 3, Clip = 4, Range = 4, Weighted = false };
        Layout = RingLayout.Create(ring, RingLayout.LargestBits(ring, n), n, [model, metrics], rotated);
        Terms = new SumTerms { Layout = Layout, Coordinates = coordinates, MinWeight = declared is null ? Layout.Limit : 1, NormMaximum = null };
        TestFederation federation = new(n, seed: (n * 1000) + bits);
        Scope = federation.Scope(Layout.D, ring);
        Random random = new(coordinates);
        Weights = u3.ToDictionary(u => u, u => DeclaredWeight.Quantize(declared?[u - 1] ?? MaxWeight, MaxWeight, Layout));
        Updates = u3.ToDictionary(u => u, _ => Enumerable.Range(0, coordinates).Select(_ => (float)((random.NextDouble() - 0.5) / Math.Sqrt(coordinates))).ToArray());
        Inputs = u3.ToDictionary(u => u, u => Quantised(u, u == u3[0] ? weightWord : null));
        Round = new TestRound(federation, Scope, Inputs);
        Secrets = Round.Reveal(u3.Take(CohortBounds.Of(n).Threshold));
        Vectors = u3.ToImmutableSortedDictionary(u => u, u => new BlobName("rounds", $"run-1/r000001/{u}.masked"));
    }

    public MemoryBlobStore Store { get; } = new(TimeProvider.System);

    public RingLayout Layout { get; }

    public SumTerms Terms { get; init; }

    public RoundScope Scope { get; }

    public TestRound Round { get; }

    public RevealedSecrets Secrets { get; }

    public Dictionary<int, long> Weights { get; }

    public Dictionary<int, float[]> Updates { get; }

    /// <summary>The vectors before they were masked.</summary>
    public Dictionary<int, byte[]> Inputs { get; }

    public ImmutableSortedDictionary<int, BlobName> Vectors { get; }

    public SecureSumInputs SumInputs => new() { Scope = Scope, Agreement = Round.Agreement, Secrets = Secrets, Terms = Terms, Vectors = Vectors };

    private string ZPath => Path.Combine(_folder, "z");

    private string MeanPath => Path.Combine(_folder, "mean.f32");

    public MaskedIngest Ingest => new(Store, SharedVault, _folder);

    public ExpectedEnvelope Expected(int u) => new(Scope.Rid, u, Scope.VectorBytes, Round.Masked[u].YSha256);

    public static BlobName Upload(int u) => new($"up-silo-{u}", "run-1/r000001/a0");

    /// <summary>Puts a silo's envelope into its container.</summary>
    public async Task UploadAsync(int u, Func<byte[], byte[]>? change = null)
    {
        KeyVersion key = await SharedVault.EnsureAsync("wrapping", KeyKind.Rsa3072, default);
        using RSA rsa = RSA.Create();
        rsa.ImportSubjectPublicKeyInfo(key.Spki, out _);
        using MemoryStream plaintext = new(Round.Vectors[u]);
        using MemoryStream envelope = new();
        await UpdateEnvelope.EncryptAsync(plaintext, plaintext.Length, Round.Masked[u].YSha256, Scope.Rid, u, key.Kid, rsa, envelope, default);
        await PutAsync(Upload(u), change?.Invoke(envelope.ToArray()) ?? envelope.ToArray());
    }

    /// <summary>Puts the vectors where an ingest would put them.</summary>
    public async Task PutVectorsAsync()
    {
        foreach ((int u, BlobName name) in Vectors)
        {
            await PutAsync(name, Round.Vectors[u]);
        }
    }

    public async Task PutAsync(BlobName name, byte[] bytes)
    {
        await Store.EnsureContainerAsync(name.Container, default);
        await Store.PutIfAbsentAsync(name, BlobContent.Of(bytes), default);
    }

    public async Task<(OpenedSum Opened, byte[] Z, float[] Mean)> SumAsync(int workers, int maxRange = SecureSum.MaxRange)
    {
        OpenedSum opened = await SumToFilesAsync(workers, maxRange);
        return (opened, await File.ReadAllBytesAsync(ZPath), MemoryMarshal.Cast<byte, float>(await File.ReadAllBytesAsync(MeanPath)).ToArray());
    }

    public Task<OpenedSum> SumToFilesAsync(int workers, int maxRange) => new SecureSum(Store, maxRange).RunAsync(SumInputs, ZPath, MeanPath, workers, parts: null, default);

    /// <summary>z as the auditor's code computes it.</summary>
    public (Sha256Digest Digest, byte[] Z) Reference()
    {
        using MemoryStream z = new();
        return (RoundAggregate.Compute(Scope, Round.Agreement, Secrets, Round.Streams(), z), z.ToArray());
    }

    public byte[] Read(BlobName name)
    {
        using BlobRead read = Store.OpenReadAsync(name, 0, null, default).Result!;
        using MemoryStream bytes = new();
        read.Content.CopyTo(bytes);
        return bytes.ToArray();
    }

    public void Dispose()
    {
        Secrets.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private byte[] Quantised(int u, Func<long, long>? weightWord)
    {
        Ring ring = Layout.Ring;
        int length = (int)Layout.Segments[0].Length;
        byte[] words = new byte[ring.VectorBytes(Layout.D)];
        SquaredNorm norm = new();
        norm.Add(Updates[u]);
        double factor = UpdateQuantizer.Factor(norm.Norm, Layout.Segments[0].Clip, Weights[u] / (double)Layout.Limit);
        using UpdateQuantizer quantizer = new(Layout, SHA256.HashData(BitConverter.GetBytes(u)));
        double[] values = new double[length];
        Updates[u].Select(value => (double)value).ToArray().CopyTo(values, 0);
        if (Layout.Rotated)
        {
            using HadamardRotation rotation = new(Scope.Rid);
            foreach ((long first, int size) in HadamardRotation.Blocks(length))
            {
                rotation.Forward(values.AsSpan((int)first, size), first);
            }
        }

        quantizer.Quantize(0, 0, values, factor, words.AsSpan(0, length * ring.WordBytes));
        quantizer.Quantize(1, 0, [1f, u, 0.5f], 1, words.AsSpan(length * ring.WordBytes, 3 * ring.WordBytes));
        RingWords.Write(ring, words, (int)Layout.D - 1, weightWord?.Invoke(Weights[u]) ?? Weights[u]);
        return words;
    }
}
