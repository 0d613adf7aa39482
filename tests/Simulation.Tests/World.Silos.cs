// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;

namespace FedCloud.Simulation.Tests;

/// <content>What silos ask for.</content>
internal sealed partial class World
{
    private void SiloEffect(SymbolicSilo silo)
    {
        (long Id, SiloEffect Effect)[] ready = Ready(silo);
        (long id, SiloEffect effect) = ready[_random.Next(ready.Length)];
        if (Chance(_faults.Crash))
        {
            silo.Crash();
            return;
        }

        SiloEvent? result = CarryOut(silo, effect);
        if (Chance(_faults.Crash))
        {
            silo.Crash();
            return;
        }

        silo.Complete(id, result);
    }

    // A held update waits for the log, unless its round is over.
    private (long Id, SiloEffect Effect)[] Ready(SymbolicSilo silo) =>
        [.. silo.Pending.Where(pending => pending.Effect is not AwaitWitnesses held || _witnessed.Contains(held.Rid) || SiloMachine.IsObsolete(silo.State, held))];

    private SiloEvent? CarryOut(SymbolicSilo silo, SiloEffect effect)
    {
        DateTimeOffset at = _now + silo.Skew;
        switch (effect)
        {
            case SendAnswer send:
                ToCoordinator($"answer/{silo.Id}", new PlanAnswered(_now, silo.Id, send.Body.Approved, send.Body.Reason));
                return null;
            case Train train:
                Require(train.Start.ModelVersion == 0 || _versions.ContainsValue(train.Start.ModelSha256), "a silo trains on a model that was never published");
                return Chance(_faults.TrainerFails)
                    ? new TrainingFailed(at, train.Start.Job, train.Rid, ErrorCodes.TrainerFailed.Name)
                    : new TrainingFinished(at, train.Start.Job, train.Rid, Register(UpdateOf(silo.Id, train.Start.ModelSha256, train.Start.Round)), train.Start.UpdateLen, silo.Idx, ImmutableSortedDictionary<string, string>.Empty);
            case AwaitWitnesses held:
                return SiloMachine.IsObsolete(silo.State, held) ? null : new RoundWitnessed(at, held.Start.Job, held.Rid, 1);
            case UploadUpdate upload:
                Require(_witnessed.Contains(upload.Rid), "an update leaves before its round is witnessed");
                string path = PathOf(silo.Id, upload.Update.Round, upload.Attempt);
                return _uploads.TryAdd(path, (upload.Update.UpdateSha256, _updates[upload.Update.UpdateSha256]))
                    ? new UpdateUploaded(at, upload.Update.Job, upload.Rid, upload.Attempt)
                    : new UploadRefused(at, upload.Update.Job, upload.Rid, upload.Attempt);
            case SendUpdate send:
                Require(!silo.Signed.TryGetValue(send.Body.Round, out Sha256Digest signed) || signed == send.Body.UpdateSha256, "a silo signs two updates for one round");
                silo.Signed[send.Body.Round] = send.Body.UpdateSha256;
                Announce(silo, send);
                return null;
            case SendDecline send:
                ToCoordinator($"decline/{silo.Id}/{send.Body.Rid}", new RoundDeclined(_now, silo.Id, send.Body.Rid, send.Body.Reason));
                return null;
            case EvaluateModel evaluate:
                return new EvaluationFinished(at, evaluate.Job, evaluate.Round, ImmutableSortedDictionary<string, string>.Empty.Add("eval_loss", "1"));
            case SendMetrics send:
                ToCoordinator($"metrics/{silo.Id}/{send.Body.Round}", new MetricsReported(_now, silo.Id, send.Body.Round, send.Body.Values, Unsigned(send.Body)));
                return null;
            case RaiseAlarm alarm:
                throw new InvalidOperationException($"an honest coordinator is accused: {alarm.Code}");
            default:
                return null;
        }
    }

    private void Announce(SymbolicSilo silo, SendUpdate send)
    {
        UpdateReference update = new() { Sha256 = send.Body.UpdateSha256, Length = send.Body.UpdateLen, Weight = send.Body.Weight, Attempt = send.Attempt, EnvelopeLength = 10 };
        if (Chance(_faults.Forge))
        {
            // Somebody copies the signed body into a frame that names another blob.
            int wrong = (send.Attempt + 1) % UploadName.Attempts;
            ToCoordinator($"update/{silo.Id}/{send.Body.Rid}/{wrong}", new UpdateAnnounced(_now, silo.Id, send.Body.Rid, update with { Attempt = wrong }));
        }

        ToCoordinator($"update/{silo.Id}/{send.Body.Rid}/{send.Attempt}", new UpdateAnnounced(_now, silo.Id, send.Body.Rid, update));
    }

    private static DsseEnvelope Unsigned(MetricsBody body) => new() { PayloadType = RunBody.MetricsPayloadType, Payload = Jcs.Serialize(body, RunBodyJson.Default.MetricsBody), Signatures = [] };
}
