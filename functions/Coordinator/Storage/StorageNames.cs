// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Runtime.CompilerServices;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Coordinator.Storage;

/// <summary>Where everything lies. The coordinator makes all names; a silo makes only message ids.</summary>
public static class StorageNames
{
    private const string JsonSuffix = ".json";

    /// <summary>Base models, plans, adapter versions, rosters: silos read.</summary>
    public const string Models = "models";

    /// <summary>The coordinator's working set of rounds.</summary>
    public const string Rounds = "rounds";

    /// <summary>Run and federation documents.</summary>
    public const string State = "state";

    /// <summary>The coordinator's mailbox.</summary>
    public const string MailCoordinator = MailboxNames.Coordinator;

    /// <summary>What the names of containers for updates begin with.</summary>
    public const string UpPrefix = "up-";

    /// <summary>The log's files, each written once: silos and auditors read.</summary>
    public static string Log { get; } = LogPaths.Name(LogContainer.Log);

    /// <summary>The log's newest checkpoint and its batch records: silos and auditors read.</summary>
    public static string LogHead { get; } = LogPaths.Name(LogContainer.LogHead);

    /// <summary>Entries on their way to the log's writer.</summary>
    public const string MailAudit = MailboxNames.Audit;

    /// <summary>The containers that exist once.</summary>
    public static IReadOnlyList<string> Shared { get; } = [Models, Rounds, State, MailCoordinator, Log, LogHead, MailAudit];

    /// <summary>A silo's own containers.</summary>
    public static IReadOnlyList<string> Of(SiloId silo) => [Up(silo), Down(silo), Mail(silo)];

    /// <summary>Where a silo may create updates.</summary>
    public static string Up(SiloId silo) => UpPrefix + silo.Value;

    /// <summary>Claim checks for a silo.</summary>
    public static string Down(SiloId silo) => "down-" + silo.Value;

    /// <summary>A silo's mailbox.</summary>
    public static string Mail(SiloId silo) => MailboxNames.Of(silo);

    /// <summary>The federation's document.</summary>
    public static BlobName Federation { get; } = new(State, "federation.json");

    /// <summary>The salt of the resources in entries about administrative actions.</summary>
    public static BlobName AccessSalt { get; } = new(State, "access-salt");

    /// <summary>The code that was deployed last.</summary>
    public static BlobName Deployment { get; } = new(State, "deployment.json");

    /// <summary>The coordinator's own entries that are not in the log yet.</summary>
    public static BlobName Outgoing { get; } = new(State, "audit.json");

    /// <summary>The document of the federation's epochs.</summary>
    public static BlobName Epochs { get; } = new(State, "epochs.json");

    /// <summary>A claim check of secure aggregation for a silo, named by its digest.</summary>
    public static BlobName Parcel(SiloId silo, Sha256Digest sha256) => new(Down(silo), $"parcels/{sha256.Hex}.json");

    /// <summary>What processes on the same storage take turns at.</summary>
    public static BlobName Turn(string name) => new(State, $"turns/{name}");

    /// <summary>A run's document.</summary>
    public static BlobName Run(RunId job) => new(State, $"runs/{job.Value}/document.json");

    /// <summary>The runs that have a document.</summary>
    public static async IAsyncEnumerable<RunId> RunsAsync(IBlobStore store, [EnumeratorCancellation] CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(store);
        await foreach (BlobItem item in store.ListAsync(State, "runs/", cancellation))
        {
            if (item.Path.Split('/') is ["runs", string id, "document.json"])
            {
                yield return RunId.Parse(id);
            }
        }
    }

    /// <summary>A finished round's record.</summary>
    public static BlobName RoundRecord(RunId job, int round) => new(State, string.Create(CultureInfo.InvariantCulture, $"{RoundRecords(job)}{round:D6}.json"));

    /// <summary>What the names of a run's round records begin with.</summary>
    public static string RoundRecords(RunId job) => $"runs/{job.Value}/rounds/";

    /// <summary>A message with evaluation figures, under its identity.</summary>
    public static BlobName Figures(RunId job, int round, SiloId silo, Sha256Digest identity) =>
        new(State, string.Create(CultureInfo.InvariantCulture, $"{FiguresOf(job)}{round:D6}/{silo.Value}/{identity.Hex}{JsonSuffix}"));

    /// <summary>What the names of a run's messages with evaluation figures begin with.</summary>
    public static string FiguresOf(RunId job) => $"runs/{job.Value}/figures/";

    /// <summary>The identity in the name of a message with evaluation figures.</summary>
    public static Sha256Digest FiguresIn(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return new Sha256Digest(path[(path.LastIndexOf('/') + 1)..^JsonSuffix.Length]);
    }

    /// <summary>The secret code of an open invitation.</summary>
    public static BlobName Invitation(SiloId silo) => new(State, $"invitations/{silo.Value}.json");

    /// <summary>What a silo tells members and auditors about its data, under its digest.</summary>
    public static BlobName DataCard(Sha256Digest sha256) => new(Models, $"data-cards/{sha256.Hex}.json");

    /// <summary>A silo's signed join.</summary>
    public static BlobName Join(Sha256Digest identity) => new(State, $"joins/{identity.Hex}.json");

    /// <summary>A member's signature over a roster.</summary>
    public static BlobName RosterSignature(Sha256Digest roster, Sha256Digest signer) => new(State, $"rosters/{roster.Hex}/{signer.Hex}.json");

    /// <summary>A plan, for silos to read.</summary>
    public static BlobName Config(RunId job) => new(Models, $"runs/{job.Value}/config.json");

    /// <summary>The sum that a round opened, from which silos and auditors recompute the round's version.</summary>
    public static BlobName Sum(RunId job, int round) => new(Models, string.Create(CultureInfo.InvariantCulture, $"runs/{job.Value}/rounds/{round:D6}/z"));

    /// <summary>A file of a base model.</summary>
    public static BlobName BaseModel(Sha256Digest digest, string file) => new(Models, $"base/{digest.Hex}/{file}");

    /// <summary>The bytes of an adapter version.</summary>
    public static BlobName Version(FederationId federation, string adapter, RunId job, int version) =>
        new(Models, string.Create(CultureInfo.InvariantCulture, $"adapters/{federation.Value}/{adapter}/{job.Value}/v{version:D6}/version.safetensors"));

    /// <summary>The manifest of an adapter version.</summary>
    public static BlobName VersionManifest(FederationId federation, string adapter, RunId job, int version) =>
        new(Models, string.Create(CultureInfo.InvariantCulture, $"adapters/{federation.Value}/{adapter}/{job.Value}/v{version:D6}/manifest.json"));

    /// <summary>The pointer to an adapter's newest version.</summary>
    public static BlobName Channel(FederationId federation, string adapter) => new(Models, $"adapters/{federation.Value}/{adapter}/channels/latest.json");

    /// <summary>A round's mean update, named by its digest, for the same reason as <see cref="Candidate"/>.</summary>
    public static BlobName Aggregate(RunId job, int round, Sha256Digest sha256) => new(Rounds, string.Create(CultureInfo.InvariantCulture, $"{job.Value}/r{round:D6}/{sha256.Hex}.f32"));

    /// <summary>A part of an effect's result, computed beforehand.</summary>
    public static BlobName Part(RunId job, long effect, int part) => new(Rounds, string.Create(CultureInfo.InvariantCulture, $"{job.Value}/parts/{effect:D9}/{part:D6}"));

    /// <summary>A round's new version before it has a number; named by its digest, so that another result of a repeated round cannot take its place.</summary>
    public static BlobName Candidate(RunId job, int round, Sha256Digest sha256) => new(Rounds, string.Create(CultureInfo.InvariantCulture, $"{job.Value}/r{round:D6}/{sha256.Hex}.safetensors"));
}
