// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent;
using FedCloud.SiloAgent.Budgets;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Journals;
using FedCloud.SiloAgent.Plans;
using FedCloud.SiloAgent.Policies;
using FedCloud.SiloAgent.Runs;
using FedCloud.SiloAgent.SecureAggregation;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>A silo: a home folder, which survives crashes, and the agent, which does not.</summary>
internal sealed class SimulatedSilo(SiloId id, string folder, string tokens, IBlobStore store, ITrainer trainer, SkewedTime time) : IDisposable
{
    private readonly List<string> _said = [];
    private SiloAgentService? _agent;
    private SiloPolicy? _policy;

    public SiloId Id { get; } = id;

    /// <summary>The machine's clock.</summary>
    public SkewedTime Clock => time;

    /// <summary>The last things that the agent reported, for a schedule that fails.</summary>
    public IEnumerable<string> Said => _said.TakeLast(20);

    /// <summary>Everything that the agent reported.</summary>
    public IReadOnlyList<string> Reports => _said;

    /// <summary>Codes of alarms that the agent raised.</summary>
    public List<string> Alarms { get; } = [];

    /// <summary>The updates that the silo keeps, whole or not, encrypted or not.</summary>
    public IEnumerable<string> KeptUpdates => Directory.EnumerateFiles(folder, "update.*", SearchOption.AllDirectories);

    /// <summary>Sets the home up, as its administrator does.</summary>
    public async Task<ConfirmedMember> InitAsync(SiloInvitation invitation)
    {
        string file = folder + ".invitation.json";
        await File.WriteAllBytesAsync(file, invitation.ToJson());
        string? card = null;
        if (Card is not null)
        {
            card = folder + ".card.json";
            await File.WriteAllBytesAsync(card, Card.ToJcs());
        }

        SiloHome home = SiloHome.Create(folder, file, card);
        (VerificationKey identity, _) = await home.KeyAsync(SiloHome.IdentityKey, CancellationToken.None);
        Key = identity;
        (VerificationKey witness, _) = await home.KeyAsync(SiloHome.WitnessKey, CancellationToken.None);
        (VerificationKey administrator, _) = await home.KeyAsync(SiloHome.AdministratorKey, CancellationToken.None);
        return new ConfirmedMember(Id, identity.Fingerprint, witness.Fingerprint, administrator.Fingerprint);
    }

    /// <summary>What the administrator allows, after comparing fingerprints with the others.</summary>
    public async Task AllowAsync(FederationId federation, IEnumerable<ConfirmedMember> members, long weight, Sha256Digest? logKey = null)
    {
        Dispose(); // the agent reads its policy when it starts
        _policy = PolicyOf(federation, members, weight) with { ConfirmedLogKey = logKey };
        if (Budget is { } budget)
        {
            await File.WriteAllTextAsync(TrainFile, $"the records of {Id}\n");
            SiloHome home = SiloHome.Open(folder);
            await PolicySigning.SignAsync(home, _policy with { TrainFile = TrainFile, Ledger = budget }, time, CancellationToken.None);
            _policy = SiloPolicy.Read(home.PolicyPath, (await home.KeyAsync(SiloHome.AdministratorKey, CancellationToken.None)).Public);
        }
    }

    /// <summary>What the silo tells of its data when it joins; null for nothing.</summary>
    public DataCard? Card { get; set; }

    /// <summary>Who approves plans.</summary>
    public PlanApproval? Approval { get; set; }

    /// <summary>The administrator answers a plan, as the command does: the agent may be running.</summary>
    public Task<PlanStanding> AnswerAsync(RunId job, bool isApproved, Sha256Digest? plan = null) => new PlanDesk(SiloHome.Open(folder), time).AnswerAsync(job, plan, isApproved, CancellationToken.None);

    /// <summary>The plans that the silo was offered, as the command shows them.</summary>
    public IReadOnlyList<PlanStanding> Plans() => [.. new PlanShelf(SiloHome.Open(folder)).All()];

    /// <summary>The privacy budget of the data set; null for none.</summary>
    public LedgerPolicy? Budget { get; set; }

    /// <summary>The training file of a data set with a budget.</summary>
    public string TrainFile => folder + ".train.jsonl";

    /// <summary>The privacy ledger as it lies on disk.</summary>
    public LedgerReading Ledger() => LedgerReading.Read(LedgerPaths.Of(SiloHome.Open(folder).LedgersFolder, Id.Value));

    /// <summary>One turn of the agent, started from its home if it is not running. A crash leaves the home alone.</summary>
    /// <returns>False when nothing was due.</returns>
    public async Task<bool> TurnAsync()
    {
        try
        {
            _agent ??= Start();
            return await _agent.TurnAsync(CancellationToken.None);
        }
        catch (SimulatedCrashException)
        {
            Dispose();
            return true;
        }
    }

    /// <summary>The silo's identity key; null before it has one.</summary>
    public VerificationKey? Key { get; private set; }

    /// <summary>Signs a body as a silo does that colludes with whoever lies.</summary>
    public Task<DsseEnvelope> SignAsync<T>(T body)
        where T : class, ISecureAggregationBody<T> => SignAsync(Fcsa1.PayloadType, SecureAggregationBody.Encode(body));

    /// <summary>Signs bytes likewise.</summary>
    public Task<DsseEnvelope> SignAsync(string payloadType, byte[] bytes) => SiloHome.Open(folder).SignAsync(SiloHome.IdentityKey, payloadType, bytes, CancellationToken.None);

    /// <summary>The silo's witness line under a checkpoint, without a look at the log.</summary>
    /// <param name="note">The checkpoint.</param>
    /// <param name="key">The witness key under its name in the roster.</param>
    public async Task<NoteSignature> WitnessAsync(SignedNote note, NoteKey key)
    {
        SiloHome home = SiloHome.Open(folder);
        (_, string kid) = await home.KeyAsync(SiloHome.WitnessKey, CancellationToken.None);
        return WitnessLine.Of(key, await home.Vault.SignAsync(kid, WitnessLine.Digest(note), CancellationToken.None));
    }

    /// <summary>Whether the silo has a home.</summary>
    public bool IsSetUp => _policy is not null;

    /// <summary>The machine is started anew: what lay in memory is gone, the home is not.</summary>
    public void Reboot()
    {
        Dispose();
        if (Directory.Exists(tokens))
        {
            Directory.Delete(tokens, recursive: true);
        }

        Directory.CreateDirectory(tokens);
    }

    /// <summary>The administrator puts a copy of the home aside, and of what lies in memory.</summary>
    public void BackUp()
    {
        Dispose();
        Copy(folder, folder + ".backup");
        Copy(tokens, folder + ".memory");
    }

    /// <summary>The administrator puts the copy back.</summary>
    /// <param name="memory">Whether what lay in memory comes back, too, as from a snapshot of the machine.</param>
    public void Restore(bool memory)
    {
        Dispose();
        Copy(folder + ".backup", folder);
        if (memory)
        {
            Copy(folder + ".memory", tokens);
        }
    }

    /// <summary>The secrets of the silo's epochs as they lie in its home. The caller disposes it.</summary>
    public EpochVault Epochs() => SiloHome.Open(folder).OpenEpochs();

    /// <summary>The rounds whose coins have a key in the home.</summary>
    public IEnumerable<(RunId Job, long Round)> CoinKeys()
    {
        DirectoryInfo coins = new(Path.Combine(folder, "epochs", "coins"));
        return (coins.Exists ? coins.GetFiles() : []).Select(file => file.Name.Split('.')).Select(name => (RunId.Parse(name[0]), long.Parse(name[1], CultureInfo.InvariantCulture)));
    }

    /// <summary>The lines of the journal as they lie on disk.</summary>
    public IEnumerable<JournalLine> Lines()
    {
        Dispose();
        return File.ReadLines(SiloHome.Open(folder).JournalPath).Select(line => JsonSerializer.Deserialize(line, JournalJson.Default.JournalLine)!);
    }

    /// <summary>The version of the roster that this silo has verified; null for none.</summary>
    public int? RosterVersion()
    {
        string path = SiloHome.Open(folder).RosterPath;
        return File.Exists(path) && JsonSerializer.Deserialize(File.ReadAllBytes(path), FrameJson.Default.DsseEnvelope) is { } envelope ? Roster.Parse(envelope.Payload).Version : null;
    }

    /// <summary>The journal as it is on disk.</summary>
    public SiloJournal Journal()
    {
        Dispose();
        return SiloJournal.Open(SiloHome.Open(folder).JournalPath);
    }

    public void Dispose()
    {
        _agent?.Dispose();
        _agent = null;
    }

    // A process takes time to start, and the ids of its messages begin with the time.
    private SiloAgentService Start()
    {
        time.Skew += TimeSpan.FromMilliseconds(1);
        return new SiloAgentService(SiloHome.Open(folder), _policy!, trainer, time, Take, new SiloAgentOptions { Store = store, TokenFolders = [tokens], InBackground = false });
    }

    // The files are private, and stay so.
    private static void Copy(string from, string to)
    {
        if (Directory.Exists(to))
        {
            Directory.Delete(to, recursive: true);
        }

        Directory.CreateDirectory(to);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(to, File.GetUnixFileMode(from));
        }

        foreach (string file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }

        foreach (string inner in Directory.EnumerateDirectories(from))
        {
            Copy(inner, Path.Combine(to, Path.GetFileName(inner)));
        }
    }

    private void Take(object report)
    {
        string line = report.ToString() ?? string.Empty;
        _said.Add(line);
        if (line.Contains("phase = alarm", StringComparison.Ordinal))
        {
            Alarms.Add(line);
        }
    }

    private SiloPolicy PolicyOf(FederationId federation, IEnumerable<ConfirmedMember> members, long weight) => new()
    {
        V = 1,
        Federation = federation,
        SiloId = Id,
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
        DeclaredWeight = weight,
        Threads = 1,
        MaxMemoryMib = 0,
        DiscloseEvalLoss = true,
        ConfirmedMembers = [.. members],
        Approval = Approval,
    };
}
