// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cli.Azurite;
using FedCloud.Cli.Processes;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Messaging;
using FedCloud.SiloAgent.Policies;
using FedCloud.SiloAgent.Runs;

namespace FedCloud.Benchmarks;

/// <summary>Entries a second from a silo's post through the storage emulator and the local coordinator until a signed checkpoint holds them: real processes, real signatures.</summary>
internal static class AuditAppendSpeed
{
    private const string Federation = "bench-federation";
    private const string Token = "only-for-this-benchmark";
    private const int Senders = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly string[] Names = ["silo-1", "silo-2"];

    /// <summary>Founds a federation of two silos, and posts signed entries of the first one.</summary>
    public static async Task<int> RunAsync(int entries)
    {
        string folder = Directory.CreateTempSubdirectory("append").FullName;
        try
        {
            await using AzuriteProcess storage = await AzuriteProcess.StartAsync(Path.Combine(folder, "storage"), _ => { }, CancellationToken.None);
            await using Host host = await Host.StartAsync(folder, storage);
            List<SiloHome> homes = await FoundAsync(folder, host.Client);
            await MeasureAsync(homes[0], entries);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<List<SiloHome>> FoundAsync(string folder, CoordinatorClient client)
    {
        List<SiloHome> homes = [];
        List<ConfirmedMember> members = [];
        foreach (string name in Names)
        {
            string invitation = Path.Combine(folder, name + ".invitation.json");
            await File.WriteAllBytesAsync(invitation, await client.InviteAsync(name, CancellationToken.None));
            SiloHome home = SiloHome.Create(Path.Combine(folder, name), invitation);
            members.Add(new ConfirmedMember(new SiloId(name), await FingerprintAsync(home, SiloHome.IdentityKey), await FingerprintAsync(home, SiloHome.WitnessKey), await FingerprintAsync(home, SiloHome.AdministratorKey)));
            homes.Add(home);
        }

        List<SiloAgentService> agents = [.. homes.Select(home => new SiloAgentService(home, Policy(home, members), new NoTrainer(), TimeProvider.System, _ => { }))];
        while ((await client.SilosAsync(CancellationToken.None)).RosterVersion == 0 || agents.Count(agent => agent.IsInLog) < agents.Count)
        {
            foreach (SiloAgentService agent in agents)
            {
                await agent.TurnAsync(CancellationToken.None);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }

        agents.ForEach(agent => agent.Dispose());
        return homes;
    }

    private static async Task MeasureAsync(SiloHome home, int entries)
    {
        using RestBlobStore store = new(new Uri(home.Invitation.StorageEndpoint), new SasCredential(home.Invitation.Sas));
        List<DsseEnvelope> signed = await SignAsync(home, store, entries);
        long before = await SizeAsync(store);
        using BellClient bell = new(home.Invitation.BellUrl, home.Invitation.SiloId, home.Invitation.BellToken);
        CoordinatorPost post = new(new BlobMailbox(store, MailboxNames.Coordinator, TimeProvider.System), TimeProvider.System, bell);
        Stopwatch watch = Stopwatch.StartNew();
        ImmutableArray<DsseEnvelope>[] frames = [.. EntryBundle.Parts(signed, envelope => envelope.Payload.Length)];
        await Parallel.ForEachAsync(frames, new ParallelOptions { MaxDegreeOfParallelism = Senders }, async (frame, cancellation) => await post.SendAsync("log_entry", run: null, round: null, frame, [], cancellation));
        double posted = watch.Elapsed.TotalSeconds;
        while (await SizeAsync(store) < before + entries)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20));
            if (watch.Elapsed > Patience)
            {
                throw new TimeoutException($"only {await SizeAsync(store) - before} of {entries} entries are in the log");
            }
        }

        double seconds = watch.Elapsed.TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{entries} entries in {frames.Length} messages: posted in {posted:F1} s, in signed checkpoints after {seconds:F1} s: {entries / seconds:F0} a second"));
    }

    // Signed before the clock runs: that is the silos' work, each for its own entries.
    private static async Task<List<DsseEnvelope>> SignAsync(SiloHome home, RestBlobStore store, int entries)
    {
        (VerificationKey identity, _) = await home.KeyAsync(SiloHome.IdentityKey, CancellationToken.None);
        EntryActor actor = new() { Kind = EntryActor.Silo, Id = home.Invitation.SiloId.Value, KeyId = identity.Fingerprint };
        long first = await HighestAsync(store, actor) + 1;
        List<DsseEnvelope> signed = [];
        for (int i = 0; i < entries; i++)
        {
            EntryDraft draft = EntryDraft.Of(EntryTypes.Alarm).With("evidence_1", Sha256Digest.Of(BitConverter.GetBytes(i))).With("code", "log_fork");
            LogEntry entry = draft.ToEntry(home.Invitation.Federation, actor, first + i, DateTimeOffset.UtcNow);
            signed.Add(await home.SignAsync(SiloHome.IdentityKey, LogEntry.PayloadType, entry.SignedBytes(), CancellationToken.None));
        }

        return signed;
    }

    private static async Task<long> HighestAsync(RestBlobStore store, EntryActor actor)
    {
        long highest = 0;
        foreach (BundleCoordinate bundle in TileLayout.Bundles(await SizeAsync(store)))
        {
            (byte[] bytes, _) = await store.ReadAsync(new BlobName("log", bundle.Path), int.MaxValue, CancellationToken.None) ?? throw new InvalidOperationException($"{bundle.Path} is missing");
            highest = EntryBundle.Read(bytes, bundle.Width).Select(entry => LogEntry.Parse(entry)).Where(entry => entry.Actor.Key == actor.Key).Select(entry => entry.Seq).Append(highest).Max();
        }

        return highest;
    }

    private static async Task<long> SizeAsync(RestBlobStore store) =>
        await store.ReadAsync(new BlobName("log-head", LogPaths.Head), SignedNote.MaxBytes, CancellationToken.None) is { } head ? Checkpoint.Parse(SignedNote.Parse(head.Bytes).Text).Size : 0;

    private static async Task<Sha256Digest> FingerprintAsync(SiloHome home, string key) => (await home.KeyAsync(key, CancellationToken.None)).Public.Fingerprint;

    private static SiloPolicy Policy(SiloHome home, IEnumerable<ConfirmedMember> members) => new()
    {
        V = 1,
        Federation = home.Invitation.Federation,
        SiloId = home.Invitation.SiloId,
        TrainFile = "train.jsonl",
        EvalFile = "eval.jsonl",
        PublicData = true,
        BaseModels = [],
        AllowPlainMode = true,
        MaxRounds = 1,
        MaxLocalSteps = 1,
        MinQuorum = 2,
        FromHour = 0,
        UntilHour = 24,
        DeclaredWeight = 1,
        Threads = 1,
        MaxMemoryMib = 0,
        DiscloseEvalLoss = true,
        ConfirmedMembers = [.. members],
    };

    private sealed class NoTrainer : ITrainer
    {
        public Task<TrainerOutcome> RunAsync(string jobFolder, Action<JsonElement> report, CancellationToken cancellation) => throw new InvalidOperationException("no run was submitted");
    }

    private sealed class Host(ChildProcess process, CoordinatorClient client) : IAsyncDisposable
    {
        public CoordinatorClient Client { get; } = client;

        public static async Task<Host> StartAsync(string folder, AzuriteProcess storage)
        {
            string configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
            string program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "FedCloud.LocalHost", configuration, "fedcloud-localhost"));
            Dictionary<string, string?> settings = new(StringComparer.Ordinal)
            {
                ["FEDCLOUD_FEDERATION"] = Federation,
                ["FEDCLOUD_DATA"] = Path.Combine(folder, "data"),
                ["FEDCLOUD_STORAGE"] = storage.Endpoint.AbsoluteUri,
                ["FEDCLOUD_STORAGE_ACCOUNT"] = AzuriteProcess.Account,
                ["FEDCLOUD_STORAGE_KEY"] = AzuriteProcess.Key,
                ["FEDCLOUD_TOKEN"] = Token,
                ["FEDCLOUD_PORT"] = "0",
                ["FEDCLOUD_STOP_WITH_INPUT"] = null,
            };
            TaskCompletionSource<Uri> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
            ChildProcess process = ChildProcess.Start("coordinator", program, [], settings, Path.Combine(folder, "coordinator.log"), line =>
            {
                if (line.StartsWith("ready ", StringComparison.Ordinal))
                {
                    ready.TrySetResult(new Uri(line["ready ".Length..]));
                }
            });
            return new Host(process, new CoordinatorClient(await ready.Task, Token));
        }

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await process.DisposeAsync();
        }
    }
}
