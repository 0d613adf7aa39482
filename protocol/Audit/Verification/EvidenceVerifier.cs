// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Verifies a copy of a log without network: checks V1 to V15 of audit-log, section 8.</summary>
/// <remarks>
/// Files are read one after another, entries verified on all cores, and what follows from their order is checked in order. What
/// the evidence does not allow to check is a finding too. Memory grows with rounds, ledgers and checkpoints, not with entries.
/// </remarks>
public sealed class EvidenceVerifier
{
    private const int BundlesAtOnce = 16;

    private readonly EvidenceInventory _evidence;
    private readonly AuditPolicy? _policy;
    private readonly VerificationDepth _depth;
    private readonly string? _scratch;
    private readonly Findings _findings = new();
    private readonly KeyRing _keys = new();

    private EvidenceVerifier(EvidenceInventory evidence, AuditPolicy? policy, VerificationDepth depth, string? scratch)
    {
        _evidence = evidence;
        _policy = policy;
        _depth = depth;
        _scratch = scratch;
    }

    /// <summary>Verifies.</summary>
    /// <param name="source">The evidence.</param>
    /// <param name="policy">What is pinned; null takes the first log key and the first roster from the evidence, and says so.</param>
    /// <param name="depth">How much.</param>
    /// <param name="scratch">An empty folder for sums and model versions while they are recomputed, the caller's to delete; null recomputes none, and says so.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>evidence_unusable</c>: there is nothing to verify. All else is a finding.</exception>
    public static async Task<VerificationReport> VerifyAsync(IEvidenceSource source, AuditPolicy? policy, VerificationDepth depth = VerificationDepth.Full, string? scratch = null, CancellationToken cancellation = default)
    {
        EvidenceInventory evidence = await EvidenceInventory.ReadAsync(source, cancellation);
        return await new EvidenceVerifier(evidence, policy, depth, scratch).RunAsync(cancellation);
    }

    private async Task<VerificationReport> RunAsync(CancellationToken cancellation)
    {
        RosterFiles rosters = await RosterFiles.ReadAsync(_evidence, _keys, _findings, cancellation);
        CheckpointFiles checkpoints = await CheckpointFiles.ReadAsync(_evidence, _findings, cancellation);
        ProofCheck proofs = await ProofCheck.ReadAsync(_evidence, _findings, cancellation);
        EnvelopeFiles envelopes = await EnvelopeFiles.ReadAsync(_evidence, _keys, _findings, cancellation);
        await CheckBlobsAsync(cancellation);
        Pin(rosters);

        TreeCheck tree = new(_evidence, checkpoints, _findings);
        tree.CheckPresence();
        if (FirstLogKey(rosters) is not { } first || checkpoints.Size == 0)
        {
            _findings.AtFile("V1", ErrorCodes.LogFileMissing, EvidenceLayout.Roster(1), "without a first roster and a checkpoint nothing can be verified");
            return Report(checkpoints, [], [], 0);
        }

        EntryCheck entries = new(rosters, _keys, _findings);
        RoundCheck rounds = new(_findings);
        LogKeyCheck logKeys = new(checkpoints, first, _findings);
        ImmutableArray<IEntryCheck> checks = _depth == VerificationDepth.Tree
            ? [logKeys]
            :
            [
                rounds,
                logKeys,
                new WitnessCheck(checkpoints, entries, rounds, _policy?.MinWitnesses ?? 0, _findings),
                new LedgerCheck(rounds, _findings),
                new ModelCheck(rounds, envelopes, _findings),
                new KeyEntryCheck(_findings),
                new StartCheck(rounds, _findings),
                new DrawCheck(_findings),
                new DeployCheck(_policy, _findings),
            ];
        long read = await ReadEntriesAsync(checkpoints, tree, entries, proofs, checks, cancellation);
        if (read == checkpoints.Size)
        {
            await tree.FinishAsync(logKeys.Replaced(), cancellation);
            await RecomputeAsync(rounds, envelopes, cancellation);
            Finish(checks);
            proofs.Finish(checkpoints, logKeys.RequiredAt, _findings);
            envelopes.Check(rounds, rosters.Chain, _findings);
        }

        return Report(checkpoints, rounds.Rounds, envelopes.Figures, read);
    }

    private async Task RecomputeAsync(RoundCheck rounds, EnvelopeFiles envelopes, CancellationToken cancellation)
    {
        if (_scratch is not null && _depth == VerificationDepth.Full)
        {
            ResultCheck results = new(_evidence, _keys, envelopes, _scratch, _findings);
            await results.RunAsync(rounds, cancellation);
        }
    }

    private void Pin(RosterFiles rosters)
    {
        Roster? first = rosters.Chain.Count > 0 ? rosters.Chain[0] : null;
        if (_policy is null)
        {
            _findings.Add(new Finding("policy", ErrorCodes.NotPinned, "the first log key and the first roster are those of the evidence"));
        }
        else if (first is not null && (first.Digest() != _policy.RosterSha256 || !string.Equals(first.LogVkey, _policy.LogVkey, StringComparison.Ordinal)))
        {
            _findings.AtFile("policy", ErrorCodes.LogFork, EvidenceLayout.Roster(1), "the first roster or its log key is not the pinned one");
        }
    }

    private NoteKey? FirstLogKey(RosterFiles rosters) =>
        (_policy?.LogVkey ?? (rosters.Chain.Count > 0 ? rosters.Chain[0].LogVkey : null)) is { } vkey ? NoteKey.Parse(vkey) : null;

    private async Task CheckBlobsAsync(CancellationToken cancellation)
    {
        foreach (EvidenceFile file in _evidence.Of(EvidenceKind.Blob))
        {
            if (await _evidence.DigestAsync(file, cancellation) != EvidenceLayout.NameOf(file.Path))
            {
                _findings.AtFile("V9", ErrorCodes.EvidenceMismatch, file.Path, "the blob is not the one whose digest names it");
            }
        }
    }

    private async Task<long> ReadEntriesAsync(CheckpointFiles checkpoints, TreeCheck tree, EntryCheck entries, ProofCheck proofs, ImmutableArray<IEntryCheck> checks, CancellationToken cancellation)
    {
        using SignatureVerifier signatures = new(_keys.Keys);
        long index = 0;
        foreach (BundleCoordinate[] group in TileLayout.Bundles(checkpoints.Size).Chunk(BundlesAtOnce))
        {
            List<(BundleCoordinate Bundle, byte[] Bytes, ImmutableArray<byte[]> Entries)> bundles = [];
            foreach (BundleCoordinate bundle in group)
            {
                if (await ReadBundleAsync(bundle, cancellation) is not { } opened)
                {
                    break;
                }

                bundles.Add((bundle, opened.Bytes, opened.Entries));
            }

            ReadEntry[] read = ReadAll([.. bundles.SelectMany(bundle => bundle.Entries)], signatures);
            int at = 0;
            foreach ((BundleCoordinate bundle, byte[] bytes, ImmutableArray<byte[]> raw) in bundles)
            {
                ArraySegment<ReadEntry> own = new(read, at, raw.Length);
                await tree.AddAsync(bundle, bytes, raw, [.. own.Select(entry => entry.Leaf)], cancellation);
                at += raw.Length;
            }

            foreach (ReadEntry entry in read)
            {
                proofs.Take(index, entry.Leaf);
                Take(index++, entry, entries, checks);
            }

            if (bundles.Count < group.Length)
            {
                return index;
            }
        }

        return index;
    }

    private async Task<(byte[] Bytes, ImmutableArray<byte[]> Entries)?> ReadBundleAsync(BundleCoordinate bundle, CancellationToken cancellation)
    {
        string path = EvidenceLayout.Of(LogContainer.Log, bundle.Path);
        if (await _evidence.ReadAsync(path, cancellation) is not { } bytes)
        {
            return null;
        }

        ImmutableArray<byte[]> entries = [];
        return _findings.Try("V2", path, () => entries = EntryBundle.Read(bytes, bundle.Width)) ? (bytes, entries) : null;
    }

    private ReadEntry[] ReadAll(byte[][] raw, SignatureVerifier signatures)
    {
        ReadEntry[] read = new ReadEntry[raw.Length];
        Parallel.For(0, raw.Length, i => read[i] = _depth == VerificationDepth.Tree ? ReadEntry.AsLeaf(raw[i]) : ReadEntry.Of(raw[i], signatures));
        return read;
    }

    private void Take(long index, ReadEntry read, EntryCheck entries, ImmutableArray<IEntryCheck> checks)
    {
        if (_depth == VerificationDepth.Tree || entries.Take(index, read) is not { } logged)
        {
            return;
        }

        foreach (IEntryCheck check in checks)
        {
            check.Take(logged);
        }
    }

    private static void Finish(ImmutableArray<IEntryCheck> checks)
    {
        foreach (IEntryCheck check in checks)
        {
            check.Finish();
        }
    }

    private VerificationReport Report(CheckpointFiles checkpoints, IReadOnlyCollection<RoundRecord> rounds, ImmutableArray<DisclosedFigures> figures, long read) => new()
    {
        Findings = _findings.Kept,
        Failures = _findings.Failures,
        Checkpoint = checkpoints.Newest,
        Entries = read,
        Checkpoints = checkpoints.Sizes.Length,
        Results = rounds.Count(round => round.Result is not null),
        SumsOf = [.. rounds.Where(round => round.IsSumRecomputed).Select(round => round.Rid)],
        ModelsOf = [.. rounds.Where(round => round.IsModelRecomputed).Select(round => round.Rid)],
        Figures = figures,
    };
}
