// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Audit;

/// <summary>The published rosters as the log's writer knows them: verified from version 1 on, whoever put them there.</summary>
/// <param name="store">The storage.</param>
public sealed class RosterShelf(IBlobStore store)
{
    private readonly Dictionary<Sha256Digest, Roster> _rosters = [];
    private readonly Dictionary<Sha256Digest, VerificationKey> _keys = [];
    private Roster? _last;

    /// <summary>The keys that rosters name as the log's.</summary>
    public IEnumerable<NoteKey> LogKeys => _rosters.Values.Select(roster => roster.LogVkey).Distinct(StringComparer.Ordinal).Select(NoteKey.Parse);

    /// <summary>The key that the newest published roster names as the log's.</summary>
    /// <exception cref="FedCloudException"><c>roster_missing</c>: there is no roster yet.</exception>
    public NoteKey NewestLogKey => NoteKey.Parse((_last ?? throw new FedCloudException(ErrorCodes.RosterMissing, "a log begins with its first roster")).LogVkey);

    /// <summary>The keys that sign the checkpoint of a step (audit-log, section 6).</summary>
    /// <param name="step">The step.</param>
    /// <param name="signed">The checkpoint that was signed last; null for none.</param>
    /// <exception cref="FedCloudException"><c>roster_missing</c>: the log names a roster that is not published.</exception>
    public IReadOnlyList<NoteKey> SignersOf(LogStep step, Checkpoint? signed)
    {
        ArgumentNullException.ThrowIfNull(step);
        Roster first = Find(step.After.Rosters.Values.FirstOrDefault()) ?? throw new FedCloudException(ErrorCodes.RosterMissing, "a log begins with its first roster");
        Dictionary<Sha256Digest, NoteKey> known = LogKeys.ToDictionary(FingerprintOf);
        return [.. step.Signers(FingerprintOf(NoteKey.Parse(first.LogVkey)), signed).Select(key => known[key])];
    }

    /// <summary>Reads and verifies the rosters that are new.</summary>
    /// <exception cref="FedCloudException"><c>roster_*</c> or <c>signature_invalid</c>.</exception>
    public async Task TakeUpAsync(CancellationToken cancellation)
    {
        while (await store.ReadAsync(new BlobName(RosterBundle.Container, RosterBundle.PublishedPath((_last?.Version ?? 0) + 1)), RosterBundle.MaxBytes, cancellation) is { } read)
        {
            RosterBundle bundle = RosterBundle.Parse(read.Bytes);
            foreach (JoinBody join in bundle.Joins.Select(JoinBody.Verify))
            {
                Add(VerificationKey.FromBase64(join.IkSpki));
                Add(VerificationKey.FromBase64(join.AdminSpki));
            }

            _last = RosterChain.Verify(_last, bundle.Roster, _keys);
            _rosters[_last.Digest()] = _last;
        }
    }

    /// <summary>Makes a coordinator's key known.</summary>
    public void Add(VerificationKey key) => _keys[key.Fingerprint] = key;

    /// <summary>A roster by its hash; null for an unknown one.</summary>
    public Roster? Find(Sha256Digest? hash) => hash is { } known ? _rosters.GetValueOrDefault(known) : null;

    private static Sha256Digest FingerprintOf(NoteKey key) => key.P256?.Fingerprint ?? throw new FedCloudException(ErrorCodes.RosterInvalid, "the log key of a roster is not P-256");

    /// <summary>What entries are admitted under.</summary>
    /// <param name="inForce">The hash of the roster in force.</param>
    public AdmissionContext Context(Sha256Digest? inForce) => new() { Roster = Find(inForce), Rosters = hash => Find(hash), Keys = _keys };
}
