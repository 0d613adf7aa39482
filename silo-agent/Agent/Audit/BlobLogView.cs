// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Rounds;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Messaging;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The log in its containers. The storage is trusted for nothing: every answer is proved against a checkpoint that the silo's witness accepted.</summary>
public sealed class BlobLogView : ILogView
{
    private readonly string _origin;
    private readonly LogFiles _files;
    private readonly LogWitness _witness;
    private readonly LogFollower _follower;
    private readonly WitnessLines _lines;
    private WrappingPlace? _wrapping;

    /// <summary>Goes on where the last view of this home stopped.</summary>
    public BlobLogView(IBlobStore store, SiloHome home, CoordinatorPost post)
    {
        ArgumentNullException.ThrowIfNull(home);
        _origin = NoteKey.Parse(home.Invitation.LogVkey).Name;
        _files = new LogFiles(store);
        _witness = new LogWitness(home, _files, post);
        _follower = new LogFollower(home, _files);
        _lines = new WitnessLines(_files);
        if (_witness.Signed is { } signed)
        {
            _lines.Accept(signed);
        }
    }

    /// <inheritdoc/>
    public async Task<LogLook> FollowAsync(ImmutableArray<Roster> rosters, CancellationToken cancellation)
    {
        if (rosters.IsEmpty || await _files.HeadAsync(cancellation) is not { } head)
        {
            return new LogLook.Nothing();
        }

        Checkpoint checkpoint = Checkpoint.Parse(head.Text);
        LogIndex? read = await PeekAsync(checkpoint, cancellation);
        foreach (SignedNote note in (SignedNote[])[.. await OnTheWayAsync(read, checkpoint, cancellation), head])
        {
            if (await _witness.ShowAsync(note, SettingsOf(rosters, ReferenceEquals(note, head) ? read : null), cancellation) is { } refused)
            {
                return refused;
            }

            _lines.Accept(note);
        }

        _follower.Take(read ?? await _follower.ReadAsync(checkpoint, afresh: false, cancellation));
        return new LogLook.Accepted(_follower.Index.Size, _follower.Index.Own, _follower.Index.Administrator, _follower.Index.Masked, _follower.Index.Budgets, _follower.Index.Parties);
    }

    /// <inheritdoc/>
    public async Task<RoundSighting> SeekAsync(Sha256Digest rid, RoundOpening start, long? beside, ImmutableArray<Roster> rosters, CancellationToken cancellation)
    {
        if (_follower.Index.Find(rid) is not { } found)
        {
            return new RoundSighting.Unwitnessed();
        }

        bool inChain = found.Model is { } model ? model == start.ModelSha256 : start.ModelVersion == 0;
        if (!inChain || !RunEntries.Started(rid, start).Describes(found.Entry))
        {
            return new RoundSighting.Misrecorded(found.Entry.Identity);
        }

        return beside is { } covered && Logged(rosters) is { } logged && await _lines.CoveringAsync(Math.Max(found.Index, covered), logged, cancellation) is { } size
            ? new RoundSighting.Witnessed(size)
            : new RoundSighting.Unwitnessed();
    }

    /// <inheritdoc/>
    public async Task<WrappingPlace?> WrappingKeyAsync(ImmutableArray<Roster> rosters, CancellationToken cancellation)
    {
        // Lines are looked for until there are enough of them.
        WrappingPlace? newest = _follower.Index.Wrapping;
        if (newest is not null && newest != _wrapping && Logged(rosters) is { } logged && await _lines.CoveringAsync(newest.Index, logged, cancellation) is not null)
        {
            _wrapping = newest;
        }

        return newest == _wrapping ? newest : null;
    }

    // What cannot be read is the witness's to judge first. A witness without state takes nothing on earlier reading (W2).
    private async Task<LogIndex?> PeekAsync(Checkpoint head, CancellationToken cancellation)
    {
        try
        {
            return await _follower.ReadAsync(head, afresh: _witness.Signed is null, cancellation);
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            return null;
        }
    }

    // The first checkpoint of a roster needs lines of its own (W4), and the log has grown since. It is shown on the way, since a witness never goes back; and again after a crash between its state and its line.
    private async Task<List<SignedNote>> OnTheWayAsync(LogIndex? read, Checkpoint head, CancellationToken cancellation)
    {
        List<SignedNote> notes = [];
        long last = _witness.Signed is { } signed ? Checkpoint.Parse(signed.Text).Size : 0;
        foreach (RosterPlace place in (read?.Rosters ?? []).Where(place => place.Size >= last && place.Size < head.Size))
        {
            if (await _files.ArchivedAsync(place.Size, cancellation) is { } archived)
            {
                notes.Add(archived);
            }
        }

        return notes;
    }

    private WitnessSettings SettingsOf(ImmutableArray<Roster> rosters, LogIndex? read) => new()
    {
        Origin = _origin,
        FirstRoster = rosters[0].Digest(),
        LogKeys = LogKeysAt(rosters, read),
    };

    // Where the entries were read, they say which keys count: one that was replaced may be a thief's. Else the last two: a new key is in the roster before the log signs with it.
    private static ImmutableArray<NoteKey> LogKeysAt(ImmutableArray<Roster> rosters, LogIndex? read)
    {
        ImmutableArray<NoteKey> keys = [.. rosters.Select(roster => roster.LogVkey).Distinct(StringComparer.Ordinal).Select(NoteKey.Parse)];
        return read switch
        {
            null => [.. keys.TakeLast(2)],
            { KeyChange: null } => keys[..1],
            { KeyChange: { IsRotation: true, IsRetired: false } change } => [.. keys.Where(key => key.P256?.Fingerprint is { } print && (print == change.Old || print == change.New))],
            { KeyChange: { } change } => [.. keys.Where(key => key.P256?.Fingerprint == change.New)],
        };
    }

    // Null while the log has a roster that this silo has not verified: then it does not know whose lines count.
    private ImmutableArray<(LoggedRoster Logged, long Size)>? Logged(ImmutableArray<Roster> rosters)
    {
        Dictionary<Sha256Digest, Roster> known = rosters.ToDictionary(roster => roster.Digest());
        ImmutableArray<RosterPlace> places = _follower.Index.Rosters;
        return places.All(place => known.ContainsKey(place.Sha256))
            ? [.. places.Select(place => (new LoggedRoster(place.Index, known[place.Sha256]), place.Size))]
            : null;
    }
}
