// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Tests.Audit;
using FedCloud.SiloAgent.Audit;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Messaging;
using FedCloud.SiloAgent.Policies;
using FedCloud.Simulation.Tests.Whole;

namespace FedCloud.SiloAgent.Tests.Audit;

/// <summary>Silo 1 of a federation that has a log: its home folder with its keys, and the storage.</summary>
internal sealed class AuditedSilo : IDisposable
{
    private const int MaxBytes = 1 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public AuditedSilo(int silos = 3)
    {
        Federation = new AuditFederation(silos);
        Rosters = [Federation.Roster];
        Log = new MemoryLog(Federation);
        Store = new MemoryBlobStore(Time);
        foreach (string container in new[] { "log", "log-head", "mail-coordinator" })
        {
            Store.EnsureContainerAsync(container, CancellationToken.None).Wait();
        }

        AuditFederation.Member self = Federation.Members[0];
        WriteKey(SiloHome.IdentityKey, self.Identity);
        WriteKey(SiloHome.WitnessKey, self.Witness);
        WriteKey(SiloHome.AdministratorKey, self.Admin);
        PrivateFile.Write(Path.Combine(_folder, "invitation.json"), Invitation().ToJson());
        Home = SiloHome.Open(_folder);
        Post = new CoordinatorPost(new BlobMailbox(Store, "mail-coordinator", Time), Time, bell: null);
    }

    public AuditFederation Federation { get; }

    public MemoryLog Log { get; set; }

    public SimulatedTime Time { get; } = new();

    public MemoryBlobStore Store { get; }

    public SiloHome Home { get; }

    public CoordinatorPost Post { get; }

    public ImmutableArray<Roster> Rosters { get; set; }

    /// <summary>The agent's view of the log, as a start of the agent opens it.</summary>
    public BlobLogView View() => new(Store, Home, Post);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Appends entries to the log, and shows it in the storage.</summary>
    public async Task WriteAsync(params LogEntry[] entries)
    {
        Log.WriteAll(entries);
        await PublishAsync();
    }

    public Task GrowAsync(int entries) => WriteAsync([.. Enumerable.Range(0, entries).Select(i => Federation.Access($"read_{i}"))]);

    /// <summary>The log's files as they are now; what was there before is replaced.</summary>
    public async Task PublishAsync()
    {
        foreach ((string container, Dictionary<string, byte[]> files) in new[] { ("log", Log.Log), ("log-head", Log.Head) })
        {
            foreach ((string path, byte[] bytes) in files)
            {
                await PutAsync(container, path, bytes);
            }
        }
    }

    public async Task PutAsync(string container, string path, byte[] bytes)
    {
        await DeleteAsync(container, path);
        await Store.PutIfAbsentAsync(new BlobName(container, path), BlobContent.Of(bytes), CancellationToken.None);
    }

    public Task DeleteAsync(string container, string path) => Store.DeleteAsync(new BlobName(container, path), lease: null, CancellationToken.None);

    /// <summary>Takes what the silo sent, in order.</summary>
    public async Task<List<Frame>> TakeSentAsync()
    {
        List<BlobItem> items = [];
        await foreach (BlobItem item in Store.ListAsync("mail-coordinator", string.Empty, CancellationToken.None))
        {
            items.Add(item);
        }

        List<Frame> frames = [];
        foreach (BlobItem item in items)
        {
            frames.Add(Frame.FromJson((await Store.ReadAsync(new BlobName("mail-coordinator", item.Path), MaxBytes, CancellationToken.None))!.Value.Bytes));
            await DeleteAsync("mail-coordinator", item.Path);
        }

        return frames;
    }

    /// <summary>The entries that the silo sent, as their envelopes hold them.</summary>
    public async Task<List<LogEntry>> TakeEntriesAsync() =>
        [.. (await TakeSentAsync()).Where(frame => frame.Type == "log_entry").SelectMany(frame => frame.Envelopes).Select(EntryEnvelope.Read)];

    public LogEntry StartEntry(RoundOpening start)
    {
        EntryDraft draft = RunEntries.Started(Rid(start), start);
        return Federation.Coordinator(draft.Type, [.. draft.Subjects.Select(subject => (subject.Key, subject.Value))], [.. draft.Fields.Select(field => (field.Key, field.Value))], draft.Job, draft.Round);
    }

    public static RoundOpening Start(int round) => new()
    {
        Job = new RunId("run-1"),
        Round = round,
        ConfigSha256 = AuditFederation.Hash("plan"),
        ModelVersion = 0,
        ModelSha256 = AuditFederation.Hash("v0"),
        Exchanged = "b",
        UpdateLen = 200,
        Cohort = [1, 2, 3],
        Deadline = 1_800_000_060,
    };

    public static Sha256Digest Rid(RoundOpening start) => AuditFederation.Hash($"{start.Job}/{start.Round}");

    public static SiloPolicy Policy() => new()
    {
        V = 1,
        Federation = new FederationId("test-federation"),
        SiloId = new SiloId("silo-1"),
        TrainFile = "train.jsonl",
        EvalFile = "eval.jsonl",
        PublicData = true,
        BaseModels = [],
        AllowPlainMode = true,
        MaxRounds = 100,
        MaxLocalSteps = 100,
        MinQuorum = 2,
        FromHour = 0,
        UntilHour = 24,
        DeclaredWeight = 1,
        Threads = 1,
        MaxMemoryMib = 0,
        DiscloseEvalLoss = true,
        ConfirmedMembers = [],
    };

    private void WriteKey(string name, ECDsa key)
    {
        string folder = Path.Combine(_folder, "keys", name);
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(Path.Combine(_folder, "keys"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        PrivateFile.Write(Path.Combine(folder, "0001.p8"), key.ExportPkcs8PrivateKey());
    }

    private SiloInvitation Invitation() => new()
    {
        V = 1,
        Federation = new FederationId("test-federation"),
        SiloId = Federation.Members[0].Silo,
        Code = "code",
        CoordinatorSpki = Protocol.Signing.VerificationKey.Of(Federation.CoordinatorKey).ToBase64(),
        LogVkey = Federation.LogKey.VKey,
        StorageEndpoint = "http://127.0.0.1:1/simulated",
        Sas = ImmutableSortedDictionary<string, string>.Empty,
        BellUrl = string.Empty,
        BellToken = string.Empty,
        Expires = Time.Now.AddDays(365),
    };
}
