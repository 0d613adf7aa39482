// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Audit;

namespace FedCloud.SiloAgent;

/// <content>Secure aggregation: its frames, its effects, and the rosters that end epochs.</content>
public sealed partial class SiloAgentService
{
    private async Task TakeSecureAsync(Frame frame, CancellationToken cancellation)
    {
        if (_secureIntake.WrappingKey(frame) is { } wrapping)
        {
            Keep(wrapping);
        }

        if (await _secureIntake.VerifyAsync(frame, _journal.State, _time.GetUtcNow(), cancellation) is { } seen)
        {
            Append(seen);
        }
        else
        {
            Report("ignored", frame.Run, frame.Round, $"{frame.Type}: about nothing that this silo holds");
        }
    }

    private void TakeRoster()
    {
        if (SiloMachine.RosterEnding(_journal.State, _member.Rosters, _time.GetUtcNow()) is { } followed)
        {
            Append(followed);
        }
    }

    // Only whoever keeps the storage can have put a roster there that its members did not carry.
    private async Task FollowAsync(int version, DateTimeOffset now, CancellationToken cancellation)
    {
        try
        {
            await _member.FollowAsync(version, cancellation);
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.RosterSignaturesMissing && _member.Uncarried is { } uncarried)
        {
            Append(new Misbehaved(now, null, error.Code.Name, [uncarried]));
            throw;
        }
    }

    // False for effects of other parts of the protocol.
    private async Task<bool> CarryOutSecureAsync(long id, SiloEffect effect, CancellationToken cancellation)
    {
        SiloEvent? result = null;
        switch (effect)
        {
            case ReportEpochs report:
                await _secure.ReportAsync(report, cancellation);
                break;
            case MakeEpochKeys make:
                result = _secure.MakeKeys(make);
                break;
            case SendAdvertise send:
                await _secure.SendAsync(SecureFrame.Advertise, null, null, send.Body, cancellation);
                break;
            case DealShares deal:
                result = _secure.Deal(Epoch(deal.Sid));
                break;
            case SendShares send:
                await _secure.SendSharesAsync(Epoch(send.Body.Sid), send.Body, cancellation);
                break;
            case SendAcknowledgement send:
                await _secure.SendAsync(SecureFrame.ShareAck, null, null, send.Body, cancellation);
                Report("epoch", null, null, $"{Epoch(send.Body.Sid).Parameters.Epoch} is ready here");
                break;
            case SendComplaint send:
                await _secure.SendAsync(SecureFrame.Complaint, null, null, send.Body, cancellation);
                Report("alarm", null, null, $"{send.Body.Reason}: the shares of silo {send.Body.Against}");
                break;
            case MaskUpdate mask:
                result = await MaskAsync(mask, cancellation);
                break;
            case UploadMasked upload:
                Report("uploading", upload.Start.Job, upload.Start.Round, string.Empty);
                result = await _secure.UploadAsync(upload, WrappingKey(), cancellation);
                break;
            case SendMasked send:
                await _secure.SendMaskedAsync(send, send.Body.LedgerHead == Protocol.Canonical.Sha256Digest.Zero ? [] : await _entries.BesideAsync(cancellation), cancellation);
                break;
            case SendConsistency send:
                await _secure.SendAsync(SecureFrame.Consistency, send.Job, send.Round, send.Body, cancellation);
                Report("agreed", send.Job, send.Round, string.Empty);
                break;
            case SendUnmask send:
                (SiloEpoch Epoch, int Slot, SiloSlot Record) held = Slot(send.Rid);
                await _secure.SendUnmaskAsync(send, held.Epoch, held.Record, WrappingKey(), cancellation);
                break;
            case SendBurned send:
                await _secure.SendAsync(SecureFrame.Burned, send.Body.Job, checked((int)send.Body.Round), send.Body, cancellation);
                break;
            case EraseSlot erase:
                _secure.Erase(erase);
                break;
            case EraseEpoch erase:
                _secure.Erase(erase);
                break;
            default:
                return false;
        }

        _journal.Complete(id, result);
        return true;
    }

    // The line that records the vector follows the one whose hash it names: nothing else is written in between.
    private Task<SiloEvent> MaskAsync(MaskUpdate mask, CancellationToken cancellation)
    {
        (SiloEpoch Epoch, int Slot, SiloSlot Record) held = Slot(mask.Rid);
        return _secure.MaskAsync(mask, held.Epoch, held.Record, _journal.Head, _budget, cancellation);
    }

    private SiloEpoch Epoch(Protocol.Canonical.Sha256Digest sid) =>
        SiloMachine.FindEpoch(_journal.State, sid) ?? throw new InvalidOperationException("an effect that is not obsolete is of an epoch that is held");

    private (SiloEpoch Epoch, int Slot, SiloSlot Record) Slot(Protocol.Canonical.Sha256Digest rid) =>
        SiloMachine.FindSlot(_journal.State, rid) ?? throw new InvalidOperationException("an effect that is not obsolete is of a slot that is held");

    // Messages come late and in any order, so each version is kept; which one is used the log says.
    private void Keep(KekCurrentBody wrapping)
    {
        string path = _home.WrappingKeyPath(Protocol.Canonical.Sha256Digest.Of(Convert.FromBase64String(wrapping.Spki)));
        if (!File.Exists(path))
        {
            WholeFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(wrapping, EnrolmentJson.Default.KekCurrentBody));
        }
    }

    // The newest version in the log, under enough witness lines; never one that only a message names (keys and identity, section 4).
    private KekCurrentBody WrappingKey()
    {
        WrappingPlace logged = _audit.WrappingKey ?? throw new FedCloudException(ErrorCodes.KeyMissing, "expected a witnessed version of the coordinator's wrapping key in the log, found none so far");
        string path = _home.WrappingKeyPath(logged.Spki);
        return File.Exists(path) && JsonSerializer.Deserialize(File.ReadAllBytes(path), EnrolmentJson.Default.KekCurrentBody) is { } key && string.Equals(key.Kid, logged.Kid, StringComparison.Ordinal)
            ? key
            : throw new FedCloudException(ErrorCodes.KeyMissing, "expected the coordinator to name the version of its wrapping key that the log has, found another");
    }
}
