// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Audit;
using FedCloud.Coordinator.Keys;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Federations;

/// <summary>What operator and silos ask of the federation, one after the other.</summary>
/// <param name="store">The storage.</param>
/// <param name="vault">The vault that holds LK.</param>
/// <param name="time">The clock.</param>
/// <param name="actor">The federation.</param>
/// <param name="log">The log.</param>
/// <param name="turn">Lets one request at a time be answered.</param>
/// <param name="makesContainers">Whether a silo's containers are made with its invitation; else a deployment has made them.</param>
/// <param name="wrappingKeyGrace">How long the version of the wrapping key before the newest unwraps.</param>
public sealed class FederationDesk(IBlobStore store, IKeyVault vault, TimeProvider time, FederationActor actor, CoordinatorLog log, SharedTurn turn, bool makesContainers, TimeSpan wrappingKeyGrace) : IDisposable
{
    /// <summary>How long a removal waits for the roster in force.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private const string Retiring = "retiring";

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    /// <summary>The federation as it stands.</summary>
    public FederationState State => actor.State;

    /// <summary>The roster as runs need it; null before version 1.</summary>
    public RosterView? Roster => actor.Roster;

    /// <summary>Reads the federation anew: another process may have changed it.</summary>
    public Task ReloadAsync(CancellationToken cancellation) => actor.ReloadAsync(cancellation);

    /// <summary>Opens an invitation: containers for the silo, and a code that its join must prove.</summary>
    /// <exception cref="FedCloudException"><c>silo_exists</c>.</exception>
    public async Task<string> InviteAsync(SiloId silo, TimeSpan validity, CancellationToken cancellation)
    {
        foreach (string container in makesContainers ? StorageNames.Of(silo) : [])
        {
            await store.EnsureContainerAsync(container, cancellation);
        }

        await using IAsyncDisposable mine = await TurnAsync(cancellation);
        if (await actor.ApplyAsync(new SiloInvited(silo), cancellation) is { } refused)
        {
            throw new FedCloudException(refused, $"{silo} cannot be invited: {refused.Meaning}");
        }

        StoredDocument<InvitationSecret> stored = new(store, StorageNames.Invitation(silo), DocumentJson.Default.InvitationSecret);
        await stored.LoadAsync(cancellation);
        byte[] code = RandomNumberGenerator.GetBytes(32);
        byte[] salt = RandomNumberGenerator.GetBytes(32);
        string text = Convert.ToHexStringLower(code);
        await stored.SaveAsync(new InvitationSecret(text, time.GetUtcNow() + validity, Convert.ToHexStringLower(salt)), cancellation);
        await log.Desk.TakeAsync(source: null, 0, [FederationEntries.Invited(silo, code, salt)], cancellation);
        return text;
    }

    /// <summary>Waits until the roster in force is decided and witnessed. A member that is removed earlier leaves a log that lacks its line for ever.</summary>
    /// <param name="patience">How long: a member that is gone must be removed all the same.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>False when the patience ended first.</returns>
    public async Task<bool> SettleAsync(TimeSpan patience, CancellationToken cancellation)
    {
        long began = time.GetTimestamp();
        while (!await IsSettledAsync(cancellation))
        {
            if (time.GetElapsedTime(began) >= patience)
            {
                return false;
            }

            await Task.Delay(Poll, time, cancellation);
        }

        return true;
    }

    /// <summary>Asks the members to remove a silo, once the roster in force is settled.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="patience">How long to wait for that, see <see cref="SettleAsync"/>.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>silo_missing</c> or <c>roster_too_small</c>.</exception>
    public async Task RevokeAsync(SiloId silo, TimeSpan patience, CancellationToken cancellation)
    {
        await SettleAsync(patience, cancellation);
        await using IAsyncDisposable mine = await TurnAsync(cancellation);
        if (await actor.ApplyAsync(new RevocationRequested(silo), cancellation) is { } refused)
        {
            throw new FedCloudException(refused, $"{silo} cannot be removed: {refused.Meaning}");
        }
    }

    /// <summary>Takes a join that proves an open invitation's code; again, what is current goes out once more.</summary>
    /// <exception cref="FedCloudException"><c>join_refused</c>.</exception>
    public async Task JoinAsync(SiloMessage.Joining joining, CancellationToken cancellation)
    {
        await using IAsyncDisposable mine = await TurnAsync(cancellation);
        Sha256Digest identity = joining.Envelope.Identity;
        bool known = actor.State.Joined.TryGetValue(joining.Join.SiloId, out JoinedSilo? joined) && joined.Identity == identity;
        if (!known)
        {
            await RequireInvitedAsync(joining, identity, cancellation);
        }

        if (joining.DataCard is { } card)
        {
            await store.PutIfAbsentAsync(StorageNames.DataCard(joining.Join.DataCardSha256), BlobContent.Of(card.ToArray()), cancellation);
        }

        // The name is the body's identity: what holds it already has the same body, perhaps with other bytes of a signature.
        await store.PutIfAbsentAsync(StorageNames.Join(identity), BlobContent.Of(JsonSerializer.SerializeToUtf8Bytes(joining.Envelope, FrameJson.Default.DsseEnvelope)), cancellation);
        await actor.ApplyAsync(new JoinVerified(joining.Join, identity), cancellation);
    }

    /// <summary>Takes a member's signature over a roster.</summary>
    public async Task SignedAsync(SiloMessage.Signature signature, CancellationToken cancellation)
    {
        BlobName name = StorageNames.RosterSignature(signature.RosterSha256, signature.Signer);
        await using IAsyncDisposable mine = await TurnAsync(cancellation);

        // Any signature of this signer over this roster is as good as another.
        await store.PutIfAbsentAsync(name, BlobContent.Of(JsonSerializer.SerializeToUtf8Bytes(signature.Envelope, FrameJson.Default.DsseEnvelope)), cancellation);
        await actor.ApplyAsync(new RosterSigned(signature.RosterSha256, signature.Signer), cancellation);
    }

    /// <summary>Takes an event that is no silo's.</summary>
    /// <returns>Why it had no effect; null when it had one.</returns>
    public async Task<ErrorCode?> ApplyAsync(FederationEvent @event, CancellationToken cancellation)
    {
        await using IAsyncDisposable mine = await TurnAsync(cancellation);
        return await actor.ApplyAsync(@event, cancellation);
    }

    /// <summary>The coordinator's keys, and what each version is for now.</summary>
    public async Task<KeyList> KeysAsync(CancellationToken cancellation)
    {
        List<KeySummary> keys = [];
        LogKeyChanged? change = await log.KeyChangeAsync(cancellation);
        foreach ((string key, string name) in ((string, string)[])[("messages", SiloPost.MessageKey), ("log", CoordinatorService.LogKey), ("wrapping", SiloPost.WrappingKey)])
        {
            IReadOnlyList<KeyVersion> versions = await vault.ListVersionsAsync(name, cancellation);
            foreach (KeyVersion version in versions)
            {
                Sha256Digest fingerprint = Sha256Digest.Of(version.Spki);
                string status = !version.Enabled ? "disabled" : name switch
                {
                    CoordinatorService.LogKey => LogKeyStatus(fingerprint, change),
                    SiloPost.WrappingKey => WrappingKeyStatus(version.Kid),
                    _ => ReferenceEquals(version, versions[^1]) ? "in_use" : "old",
                };
                DateTimeOffset? until = !string.Equals(status, Retiring, StringComparison.Ordinal) ? null
                    : string.Equals(name, SiloPost.WrappingKey, StringComparison.Ordinal) ? WrappingKeys.GraceEnds(State.WrappingKeys, wrappingKeyGrace)
                    : change?.At + LogKeyChange.Overlap;
                keys.Add(new KeySummary(key, version.Kid, fingerprint, status, until));
            }
        }

        return new KeyList([.. keys]);
    }

    /// <summary>Makes a key for the log, and asks the members to sign a roster with it.</summary>
    /// <param name="isLost">Whether the key in use was lost or stolen; else both sign for a while.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The new version.</returns>
    /// <exception cref="FedCloudException"><c>roster_missing</c> or <c>log_key_pending</c>.</exception>
    public async Task<KeyVersion> ChangeLogKeyAsync(bool isLost, CancellationToken cancellation)
    {
        await using IAsyncDisposable mine = await TurnAsync(cancellation);
        if (FederationMachine.RefusalOfLogKey(State) is { } refused)
        {
            throw new FedCloudException(refused, $"the log cannot get another key now: {refused.Meaning}");
        }

        if (!isLost && await log.KeyChangeAsync(cancellation) is { IsRotation: true, IsRetired: false } last)
        {
            throw new FedCloudException(ErrorCodes.LogKeyPending, $"expected the last rotation to be over, found that both keys sign until {LogEntry.FormatTime(last.At + LogKeyChange.Overlap)}");
        }

        bool isGone = (await vault.ListVersionsAsync(CoordinatorService.LogKey, cancellation)).Count == 0;
        KeyVersion version = isGone
            ? await vault.EnsureAsync(CoordinatorService.LogKey, KeyKind.EcP256, cancellation)
            : await vault.RotateOrFindAsync(CoordinatorService.LogKey, newest => !string.Equals(VerificationKey.FromSpki(newest.Spki).VKey(log.Origin), State.LogVkey, StringComparison.Ordinal), cancellation);
        await actor.ApplyAsync(new LogKeyRequested(VerificationKey.FromSpki(version.Spki).VKey(log.Origin), isLost), cancellation);
        return version;
    }

    /// <summary>Carries out what trouble of the storage left undone earlier.</summary>
    public async Task CarryOutAsync(CancellationToken cancellation)
    {
        await using IAsyncDisposable mine = await TurnAsync(cancellation);
        await actor.CarryOutAsync(cancellation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        actor.Dispose();
        turn.Dispose();
    }

    // One request at a time; the next begins when the answer to TurnAsync is disposed of. Another process may have had the turn before.
    private async Task<IAsyncDisposable> TurnAsync(CancellationToken cancellation)
    {
        IAsyncDisposable mine = await turn.TakeAsync(cancellation);
        try
        {
            if (turn.IsShared)
            {
                await actor.ReloadAsync(cancellation);
            }

            return mine;
        }
        catch
        {
            await mine.DisposeAsync();
            throw;
        }
    }

    // The members' signatures and lines may reach another process.
    private async Task<bool> IsSettledAsync(CancellationToken cancellation)
    {
        if (turn.IsShared)
        {
            await actor.ReloadAsync(cancellation);
        }

        return State.Proposal is null && (State.Roster is not { } roster || await log.IsWitnessedAsync(roster.Version, cancellation));
    }

    private string LogKeyStatus(Sha256Digest key, LogKeyChanged? change)
    {
        bool Is(string? vkey) => vkey is not null && VerificationKey.FromVKey(vkey).Fingerprint == key;
        return Is(State.Roster?.LogVkey ?? State.LogVkey) ? "in_use"
            : Is(State.LogVkey) ? "proposed"
            : change is { IsRotation: true, IsRetired: false } && change.Old == key ? Retiring
            : "old";
    }

    private string WrappingKeyStatus(string kid) =>
        string.Equals(WrappingKeys.Current(State.WrappingKeys)?.Kid, kid, StringComparison.Ordinal) ? "in_use"
            : string.Equals(WrappingKeys.Retiring(State.WrappingKeys)?.Kid, kid, StringComparison.Ordinal) ? Retiring
            : "old";

    private async Task RequireInvitedAsync(SiloMessage.Joining joining, Sha256Digest identity, CancellationToken cancellation)
    {
        StoredDocument<InvitationSecret> stored = new(store, StorageNames.Invitation(joining.Join.SiloId), DocumentJson.Default.InvitationSecret);
        InvitationSecret? secret = await stored.LoadAsync(cancellation);
        bool proven = secret is not null
            && secret.Expires > time.GetUtcNow()
            && joining.Join.Federation == actor.State.Federation
            && CryptographicOperations.FixedTimeEquals(EnrolmentBody.CodeProof(secret.Code, identity).ToBytes(), joining.CodeProof.ToBytes());
        if (!proven)
        {
            throw new FedCloudException(ErrorCodes.JoinRefused, $"{joining.Join.SiloId}: expected a proof of an open invitation's code, found none");
        }
    }
}
