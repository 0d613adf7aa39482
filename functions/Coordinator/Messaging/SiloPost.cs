// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Cloud.Telemetry;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Messaging;

/// <summary>Signs the coordinator's bodies and puts them into silos' mailboxes.</summary>
/// <param name="store">The storage.</param>
/// <param name="mailboxes">The silos' mailboxes.</param>
/// <param name="vault">The vault that holds CK and KEK.</param>
/// <param name="federation">The federation.</param>
/// <param name="time">The clock.</param>
/// <param name="ring">Wakes a silo that is waiting; a hint, the mailbox stays the truth.</param>
public sealed class SiloPost(IBlobStore store, IMailboxes mailboxes, IKeyVault vault, FederationId federation, TimeProvider time, Action<SiloId> ring)
{
    /// <summary>The name of the coordinator's message key.</summary>
    public const string MessageKey = "coordinator-messages";

    /// <summary>The name of the key that silos wrap data keys for.</summary>
    public const string WrappingKey = "update-wrapping";

    private readonly MessageIds _ids = new(time);

    /// <summary>Signs a body.</summary>
    public async Task<DsseEnvelope> SignAsync(string payloadType, byte[] body, CancellationToken cancellation)
    {
        KeyVersion key = await vault.EnsureAsync(MessageKey, KeyKind.EcP256, cancellation);
        byte[] signature = await vault.SignAsync(key.Kid, Dsse.SigningDigest(payloadType, body), cancellation);
        return DsseEnvelope.Assemble(payloadType, body, VerificationKey.FromSpki(key.Spki), signature);
    }

    /// <summary>The signed statement of a version of the wrapping key.</summary>
    /// <param name="kid">Its full identifier.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>key_missing</c>.</exception>
    public async Task<DsseEnvelope> WrappingKeyAsync(string kid, CancellationToken cancellation)
    {
        KeyVersion key = (await vault.ListVersionsAsync(WrappingKey, cancellation)).FirstOrDefault(version => string.Equals(version.Kid, kid, StringComparison.Ordinal))
            ?? throw new FedCloudException(ErrorCodes.KeyMissing, $"the vault has no longer the version of {WrappingKey} that is in use", "restore it, or rotate it with 'fedcloud keys rotate wrapping --lost'");
        KekCurrentBody body = new()
        {
            Type = EnrolmentBody.KekCurrent,
            Federation = federation,
            Kid = key.Kid,
            Spki = Convert.ToBase64String(key.Spki),
        };
        return await SignAsync(EnrolmentBody.KeysPayloadType, Jcs.Serialize(body, EnrolmentJson.Default.KekCurrentBody), cancellation);
    }

    /// <summary>Signs a body of secure aggregation.</summary>
    /// <typeparam name="T">The body.</typeparam>
    public Task<DsseEnvelope> SignAsync<T>(T body, CancellationToken cancellation)
        where T : class, ISecureAggregationBody<T> => SignAsync(Fcsa1.PayloadType, SecureAggregationBody.Encode(body), cancellation);

    /// <summary>Sends one frame with a claim check on a parcel to each silo. Sent again, the same parcel lies under the same name.</summary>
    public async Task SendAsync(
        IEnumerable<SiloId> to, string type, RunId? run, int? round, ImmutableArray<DsseEnvelope> envelopes, Parcel parcel, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(parcel);
        byte[] bytes = parcel.ToJson();
        Sha256Digest sha256 = Sha256Digest.Of(bytes);
        await Task.WhenAll(to.Select(async silo =>
        {
            BlobName name = StorageNames.Parcel(silo, sha256);
            await store.PutIfAbsentAsync(name, BlobContent.Of(bytes), cancellation);
            FrameBlob claim = new() { Role = Parcel.Role, Container = name.Container, Name = name.Path, Length = bytes.Length, Sha256 = sha256 };
            await SendAsync([silo], type, run, round, envelopes, [claim], cancellation);
        }));
    }

    /// <summary>Sends one frame to each silo, to all at once.</summary>
    public Task SendAsync(
        IEnumerable<SiloId> to, string type, RunId? run, int? round, ImmutableArray<DsseEnvelope> envelopes, ImmutableArray<FrameBlob> blobs, CancellationToken cancellation) => Task.WhenAll(to.Select(async silo =>
    {
        Frame frame = new()
        {
            V = Frame.CurrentVersion,
            Id = _ids.Next(),
            To = silo.Value,
            Run = run,
            Round = round,
            Type = type,
            Trace = TraceContext.Format(TraceContext.Current),
            Envelopes = envelopes,
            Blobs = blobs,
        };

        // A fresh id that is taken is our own, sent before by a try whose answer was lost.
        await mailboxes.Open(StorageNames.Mail(silo)).SendAsync(frame.Id, frame.ToJson(), cancellation);
        ring(silo);
    }));
}
