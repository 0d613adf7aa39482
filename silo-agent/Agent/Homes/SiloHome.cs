// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.SecureAggregation;

namespace FedCloud.SiloAgent.Homes;

/// <summary>A silo's home folder: invitation, keys, policy, journal, roster, jobs.</summary>
public sealed class SiloHome
{
    /// <summary>The identity key IK.</summary>
    public const string IdentityKey = "identity";

    /// <summary>The witness key WK.</summary>
    public const string WitnessKey = "witness";

    /// <summary>The administrator key AK.</summary>
    public const string AdministratorKey = "administrator";

    private const string PlanStandingName = "standing.json";

    private readonly string _folder;

    private SiloHome(string folder, SiloInvitation invitation)
    {
        _folder = folder;
        Invitation = invitation;
        Vault = new FileKeyVault(Path.Combine(folder, "keys"));
    }

    /// <summary>The invitation.</summary>
    public SiloInvitation Invitation { get; }

    /// <summary>The silo's keys.</summary>
    public FileKeyVault Vault { get; }

    /// <summary>The signed policy.</summary>
    public string PolicyPath => Path.Combine(_folder, "policy.dsse.json");

    /// <summary>The journal.</summary>
    public string JournalPath => Path.Combine(_folder, "journal.jsonl");

    /// <summary>The join that this silo sent; the same bytes whenever it is sent again.</summary>
    public string JoinPath => Path.Combine(_folder, "join.dsse.json");

    /// <summary>What the silo tells the federation about its data: the canonical bytes of its data card.</summary>
    public string DataCardPath => Path.Combine(_folder, "data-card.json");

    /// <summary>The verified roster with its signatures.</summary>
    public string RosterPath => Path.Combine(_folder, "roster.dsse.json");

    /// <summary>A proposed roster that the policy does not confirm yet.</summary>
    public string ProposalPath => Path.Combine(_folder, "proposal.json");

    /// <summary>The last checkpoint that the silo's witness signed.</summary>
    public string WitnessStatePath => Path.Combine(_folder, "witness.json");

    /// <summary>What the silo remembers of the log; it can be read again.</summary>
    public string LogIndexPath => Path.Combine(_folder, "log-index.json");

    /// <summary>The journal of the silo's own entries.</summary>
    public string EntriesPath => Path.Combine(_folder, "entries.jsonl");

    /// <summary>The entries that the administrator signed.</summary>
    public string AdministratorEntriesPath => Path.Combine(_folder, "administrator-entries.jsonl");

    /// <summary>The privacy ledgers of the silo's data sets.</summary>
    public string LedgersFolder => Path.Combine(_folder, "ledgers");

    /// <summary>The file of a version of the coordinator's wrapping key, which the coordinator has named.</summary>
    /// <param name="spki">The SHA-256 of its public key.</param>
    public string WrappingKeyPath(Sha256Digest spki) => Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "wrapping-keys")).FullName, spki.Hex + ".json");

    /// <summary>Opens what the silo keeps of its epochs; the caller disposes it.</summary>
    /// <exception cref="FedCloudException"><c>key_file_permissions</c>, <c>key_unusable</c>, <c>disk_full</c>.</exception>
    public EpochVault OpenEpochs() => new(Path.Combine(_folder, "epochs"), Path.Combine(_folder, "keys", "at-rest.key"));

    /// <summary>The token that shows whether a start continues the one before.</summary>
    /// <param name="folders">The folders in memory that may hold it; null means the system's.</param>
    public StartToken StartToken(IEnumerable<string>? folders = null) => new(_folder, folders);

    /// <summary>Sets a home up from an invitation.</summary>
    /// <param name="folder">The home folder.</param>
    /// <param name="invitationPath">The invitation's file.</param>
    /// <param name="dataCardPath">The data card's file, as the administrator wrote it; null for none.</param>
    /// <exception cref="FedCloudException"><c>body_malformed</c>, <c>data_card_malformed</c>, <c>file_missing</c>, <c>disk_full</c>.</exception>
    public static SiloHome Create(string folder, string invitationPath, string? dataCardPath = null)
    {
        byte[] bytes = ReadGiven(invitationPath, "the invitation's file");
        SiloInvitation invitation = SiloInvitation.Parse(bytes);
        DataCard? card = dataCardPath is null ? null : CardFor(invitation, ReadGiven(dataCardPath, "the data card's file"));
        MakePrivate(folder);
        PrivateFile.Write(Path.Combine(folder, "invitation.json"), bytes);
        SiloHome home = new(folder, invitation);
        if (card is not null)
        {
            WholeFile.Write(home.DataCardPath, card.ToJcs());
        }

        return home;
    }

    /// <summary>Opens a home.</summary>
    /// <exception cref="FedCloudException"><c>silo_not_set_up</c>, <c>key_file_permissions</c>.</exception>
    public static SiloHome Open(string folder)
    {
        string path = Path.Combine(folder, "invitation.json");
        return File.Exists(path)
            ? new SiloHome(folder, SiloInvitation.Parse(PrivateFile.Read(path)))
            : throw new FedCloudException(ErrorCodes.SiloNotSetUp, "expected a home folder with an invitation, found none");
    }

    /// <summary>One of the silo's public keys, made when it does not exist.</summary>
    public async Task<(VerificationKey Public, string Kid)> KeyAsync(string name, CancellationToken cancellation)
    {
        KeyVersion version = await Vault.EnsureAsync(name, KeyKind.EcP256, cancellation);
        return (VerificationKey.FromSpki(version.Spki), version.Kid);
    }

    /// <summary>Signs a body.</summary>
    public async Task<DsseEnvelope> SignAsync(string key, string payloadType, byte[] body, CancellationToken cancellation)
    {
        (VerificationKey signer, string kid) = await KeyAsync(key, cancellation);
        return DsseEnvelope.Assemble(payloadType, body, signer, await Vault.SignAsync(kid, Dsse.SigningDigest(payloadType, body), cancellation));
    }

    /// <summary>The newest roster that the silo has verified; null before the first.</summary>
    public Roster? NewestRoster() => File.Exists(RosterPath) && StrictJson.Deserialize(File.ReadAllBytes(RosterPath), FrameJson.Default.DsseEnvelope) is { } signed ? Roster.Parse(signed.Payload) : null;

    /// <summary>A verified version of the roster with its signatures.</summary>
    public string RosterVersionPath(int version) => Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "rosters")).FullName, string.Create(CultureInfo.InvariantCulture, $"{version:D6}.dsse.json"));

    /// <summary>The joins of a verified version's members, which carry their keys.</summary>
    public string RosterJoinsPath(int version) => Path.ChangeExtension(RosterVersionPath(version), null) + ".joins";

    /// <summary>A checkpoint that is kept as evidence.</summary>
    public string EvidencePath(Sha256Digest note) => Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "evidence")).FullName, note.Hex + ".note");

    /// <summary>The folder of a base model.</summary>
    public string BaseModelFolder(RunConfig plan) => Directory.CreateDirectory(Path.Combine(_folder, "base", plan.BaseModel.Hex)).FullName;

    /// <summary>A run's plan.</summary>
    public string PlanPath(RunId job) => Path.Combine(JobFolder(job), "plan.json");

    /// <summary>How the silo stands to a run's plan, for commands to read while the agent runs.</summary>
    public string StandingPath(RunId job) => Path.Combine(JobFolder(job), PlanStandingName);

    /// <summary>The runs that the silo knows, as far as it keeps their folders.</summary>
    public IEnumerable<RunId> Jobs() => Directory.Exists(JobsFolder)
        ? Directory.GetDirectories(JobsFolder).Select(Path.GetFileName).OfType<string>().Where(Identifier.IsValid).Order(StringComparer.Ordinal).Select(name => new RunId(name))
        : [];

    /// <summary>A run's folder.</summary>
    public string JobFolder(RunId job) => Directory.CreateDirectory(Path.Combine(JobsFolder, job.Value)).FullName;

    /// <summary>A round's folder.</summary>
    public string RoundFolder(RunId job, int round) => Directory.CreateDirectory(RoundPath(job, round)).FullName;

    /// <summary>Puts the witness's state aside: the witness then begins anew, from all entries. The last checkpoint that it signed stays as evidence.</summary>
    public void ForgetWitness()
    {
        if (File.Exists(WitnessStatePath) && WitnessState.TryParse(File.ReadAllBytes(WitnessStatePath)) is { } state)
        {
            byte[] note = state.Signed.ToBytes();
            WholeFile.Write(EvidencePath(Sha256Digest.Of(note)), note);
        }

        File.Delete(WitnessStatePath);
        File.Delete(LogIndexPath);
    }

    /// <summary>Deletes the folders of a run's rounds up to this one.</summary>
    /// <returns>The rounds.</returns>
    public IReadOnlyList<int> ForgetRounds(RunId job, int round)
    {
        List<int> forgotten = [];
        foreach (string folder in Directory.GetDirectories(JobFolder(job), "r*"))
        {
            if (int.TryParse(Path.GetFileName(folder)[1..], out int found) && found <= round)
            {
                Directory.Delete(folder, recursive: true);
                forgotten.Add(found);
            }
        }

        return forgotten;
    }

    private string JobsFolder => Path.Combine(_folder, "jobs");

    private string RoundPath(RunId job, int round) => Path.Combine(JobFolder(job), $"r{round}");

    private static byte[] ReadGiven(string path, string what) =>
        File.Exists(path) ? File.ReadAllBytes(path) : throw new FedCloudException(ErrorCodes.FileMissing, $"expected {what}, found none");

    private static DataCard CardFor(SiloInvitation invitation, byte[] bytes)
    {
        DataCard card = DataCard.Read(bytes);
        return card.SiloId == invitation.SiloId && card.Federation == invitation.Federation
            ? card
            : throw new FedCloudException(ErrorCodes.DataCardMalformed, "the card names another silo or federation than the invitation", "correct silo_id and federation");
    }

    private static void MakePrivate(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
