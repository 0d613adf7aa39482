// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Aggregation;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Benchmarks;

/// <summary>The coordinator's mean over 4 to 64 synthetic silos: time, and the largest working set above the start.</summary>
internal static class AggregationMemory
{
    private const int Rank = 16;
    private static readonly Sha256Digest Rid = Sha256Digest.Of("benchmark"u8);

    private static readonly int[] Sizes = [4, 16, 64];

    /// <summary>Every size in a process of its own, so that none starts on what another left.</summary>
    public static async Task<int> RunAsync()
    {
        Console.WriteLine("silos  seconds  peak MiB above start");
        foreach (int silos in Sizes)
        {
            ProcessStartInfo start = new(Environment.ProcessPath ?? throw new InvalidOperationException("no program"), ["aggregation", silos.ToString(CultureInfo.InvariantCulture)]) { UseShellExecute = false };
            using Process one = Process.Start(start) ?? throw new InvalidOperationException("the benchmark did not start");
            await one.WaitForExitAsync();
            if (one.ExitCode != 0)
            {
                return one.ExitCode;
            }
        }

        return 0;
    }

    /// <summary>One size.</summary>
    public static async Task<int> RunAsync(int silos)
    {
        string folder = Directory.CreateTempSubdirectory("aggregation").FullName;
        try
        {
            FileKeyVault vault = new(Path.Combine(folder, "keys"));
            KeyVersion key = await vault.EnsureAsync("wrapping", KeyKind.Rsa3072, default);
            FolderBlobStore store = new(Path.Combine(folder, "blobs"));
            RunConfig config = Config();
            AdapterLayout layout = new([.. Enumerable.Range(0, 40).Select(l => new LinearShape($"model.layers.{l}.mlp.up_proj", 2048, 8192))], Rank);
            await PrepareAsync(store, config, layout, key);
            (double seconds, double mib) = await MeasureAsync(store, vault, config, layout, silos, Path.Combine(folder, "scratch"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{silos,5}  {seconds,7:F2}  {mib,7:F1}"));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static RunConfig Config() => PlanReader.Require(PlanReader.Read(
        new PlanMapping(0, [new PlanEntry(0, "aggregation", new PlanMapping(0, [new PlanEntry(0, "mode", new PlanScalar(0, "plain", Quoted: false))]))]),
        new Dictionary<string, string>(StringComparer.Ordinal) { ["job"] = "benchmark", ["federation"] = "benchmark", ["base_model"] = Sha256Digest.Zero.Hex }));

    // All silos upload the same plaintext, so one envelope a silo index is enough, and the storage shows it to each.
    private static async Task PrepareAsync(FolderBlobStore store, RunConfig config, AdapterLayout layout, KeyVersion key)
    {
        string version = store.PathOf(StorageNames.Version(config.Federation, config.Adapter, config.Job, 0));
        ModelVersionFile.WriteInitial(version, config, layout);
        string update = store.PathOf(new BlobName("rounds", "update"));
        Random random = new(1);
        SafetensorsWriter.WriteFile(update, [.. layout.Exchanged(ExchangedFactor.B).Select(tensor => tensor.Tensor)], null, (entry, stream) =>
        {
            float[] values = new float[entry.Count];
            foreach (ref float value in values.AsSpan())
            {
                value = (float)random.NextDouble();
            }

            stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        });
        using RSA rsa = RSA.Create();
        rsa.ImportSubjectPublicKeyInfo(key.Spki, out _);
        Sha256Digest digest = await BlobFiles.DigestAsync(update, default);
        await using FileStream plaintext = File.OpenRead(update);
        await using FileStream output = File.Create(store.PathOf(new BlobName("rounds", "envelope")));
        await UpdateEnvelope.EncryptAsync(plaintext, plaintext.Length, digest, Rid, 1, key.Kid, rsa, output, default);
        store.UploadsReadFrom = new BlobName("rounds", "envelope");
    }

    private static async Task<(double Seconds, double Mib)> MeasureAsync(FolderBlobStore store, FileKeyVault vault, RunConfig config, AdapterLayout layout, int silos, string scratch)
    {
        Sha256Digest update = await BlobFiles.DigestAsync(store.PathOf(new BlobName("rounds", "update")), default);
        Sha256Digest model = await BlobFiles.DigestAsync(store.PathOf(StorageNames.Version(config.Federation, config.Adapter, config.Job, 0)), default);
        UpdateReference reference = new() { Sha256 = update, Length = layout.UpdateLength(ExchangedFactor.B), Weight = 1, Attempt = 0, EnvelopeLength = 0 };
        AggregateRound effect = new(silos, Rid, "b", new ModelReference(0, model), [.. Enumerable.Range(1, silos).Select(i => new Summand(new SiloId($"silo-{i}"), 1, reference))]);
        RoundAggregation aggregation = new(store, new UpdateReader(store, vault), scratch);
        RunEvent? result = null;
        (double seconds, double mib) = await PeakWorkingSet.MeasureAsync(async () => result = await aggregation.RunAsync(config, layout, effect, new PartShelf(store, config.Job, effect: 1), TimeProvider.System, default));
        return result is AggregateReady ? (seconds, mib) : throw new InvalidOperationException("the aggregation failed");
    }
}
