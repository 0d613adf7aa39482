// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Journals;

namespace FedCloud.SiloAgent;

/// <content>Effects: what follows from events is carried out, at once or beside the agent's other work.</content>
public sealed partial class SiloAgentService
{
    private async Task<bool> CarryOutAsync(CancellationToken cancellation)
    {
        bool worked = false;
        foreach (PendingSiloEffect pending in _journal.Pending.Where(pending => !_background.IsRunning(pending.Id)))
        {
            try
            {
                worked |= await CarryOutAsync(pending, cancellation);
            }
            catch (FedCloudException error) when (ErrorCodes.IsOperational(error.Code))
            {
                // It stays pending, and the others go on.
                Report("waiting", null, null, error.Message);
            }
        }

        return worked;
    }

    // False for an effect that stays pending.
    private async Task<bool> CarryOutAsync(PendingSiloEffect pending, CancellationToken cancellation)
    {
        using Activity? span = _traces.Begin(pending, _journal.Pending);
        try
        {
            bool isDone = await DoAsync(pending, cancellation);
            _traces.End(span, pending, isDone, _journal.Pending);
            return isDone;
        }
        catch (Exception error) when (span.Fails(error))
        {
            throw;
        }
    }

    private async Task<bool> DoAsync(PendingSiloEffect pending, CancellationToken cancellation)
    {
        await _audit.LogAsync(_journal.State, pending.Effect, cancellation);
        switch (pending.Effect)
        {
            case { } effect when SiloMachine.IsObsolete(_journal.State, effect):
                _journal.Complete(pending.Id, result: null);
                break;
            case FetchBaseModel fetch:
                await BeginAsync(pending, fetch.Job, stop => FetchAsync(fetch.Job, stop), cancellation);
                break;
            case Train train:
                Report("training", train.Start.Job, train.Start.Round, string.Empty);
                await BeginAsync(pending, train.Start.Job, async stop => await _work.TrainAsync(train, stop), cancellation);
                break;
            case EvaluateModel evaluate:
                Report("evaluating", evaluate.Job, evaluate.Round, string.Empty);
                await BeginAsync(pending, evaluate.Job, async stop => await _work.EvaluateAsync(evaluate, stop), cancellation);
                break;
            case StopTraining stopping:
                await _background.StopAsync(stopping.Job);
                _journal.Complete(pending.Id, result: null);
                break;
            case AwaitWitnesses held when _audit.Seen(held) is null:
                return false;
            case AwaitWitnesses held:
                _journal.Complete(pending.Id, _audit.Seen(held));
                break;
            case UploadUpdate upload:
                Report("uploading", upload.Update.Job, upload.Update.Round, string.Empty);
                _journal.Complete(pending.Id, await _work.UploadAsync(upload, WrappingKey(), cancellation));
                break;
            case ForgetRound forget:
                _secure.Forget(forget.Job, _home.ForgetRounds(forget.Job, forget.Round));
                _journal.Complete(pending.Id, result: null);
                break;
            case SettleBudget settle:
                await _budget.SettleAsync(settle.Job, cancellation);
                _journal.Complete(pending.Id, result: null);
                break;
            case RaiseAlarm alarm:
                Report("alarm", alarm.Job, null, $"{alarm.Code}: {string.Join(' ', alarm.Evidence.Select(hash => hash.Hex))}");
                _journal.Complete(pending.Id, result: null);
                break;
            case ReportEpochs when HasLeft():
                _journal.Complete(pending.Id, result: null);
                break;
            case ReportEpochs when _member.Roster?.Find(_home.Invitation.SiloId) is null:
            case SendAdvertise when !_audit.IsStartLogged:
                return false;
            case { } effect when await CarryOutSecureAsync(pending.Id, effect, cancellation):
                break;
            default:
                await _signed.SendAsync(pending.Effect, cancellation);
                _journal.Complete(pending.Id, result: null);
                break;
        }

        return true;
    }

    private bool HasLeft() =>
        _member.Roster?.Find(_home.Invitation.SiloId) is null && _member.Rosters.Any(roster => roster.Find(_home.Invitation.SiloId) is not null);

    private async Task<SiloEvent?> FetchAsync(RunId job, CancellationToken cancellation)
    {
        try
        {
            await _models.BaseModelAsync(_models.Plan(job), cancellation);
        }
        catch (FedCloudException error)
        {
            Report("waiting", job, null, error.Message);
        }

        return null;
    }

    private async Task BeginAsync(PendingSiloEffect pending, RunId job, Func<CancellationToken, Task<SiloEvent?>> work, CancellationToken cancellation)
    {
        if (!_options.InBackground)
        {
            TakeFinished(pending.Id, await _traces.WorkAsync(pending, work, cancellation));
            return;
        }

        _background.Begin(pending.Id, job, stop => _traces.WorkAsync(pending, work, stop), cancellation);
    }

    private void TakeFinished(long id, SiloEvent? result) => _traces.Finished(id, () => _journal.Complete(id, result), () => _journal.Pending);
}
