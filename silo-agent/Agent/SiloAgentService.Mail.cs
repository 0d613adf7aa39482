// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Messaging;
using FedCloud.SiloAgent.SecureAggregation;
using FedCloud.SiloAgent.Telemetry;

namespace FedCloud.SiloAgent;

/// <content>The mailbox: what the coordinator sends.</content>
public sealed partial class SiloAgentService
{
    private const int BatchSize = 16;

    private async Task RingAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested && _bell is not null)
        {
            if (!await _bell.WaitAsync(cancellation))
            {
                await Task.Delay(Poll, _time, cancellation);
            }

            _mailWaits = true;
            Wake();
        }
    }

    // What was taken is in the journal, so the mailbox may hear of it while the agent goes on.
    private async Task<(int Received, Task Completed)> TakeMailAsync(CancellationToken cancellation)
    {
        _mailWaits = false;
        IReadOnlyList<ReceivedMessage> messages = await _mailbox.ReceiveAsync(BatchSize, cancellation);
        _mailWaits |= messages.Count == BatchSize;
        List<Task> completed = [];
        foreach (ReceivedMessage message in messages)
        {
            if (await TakeAsync(message, cancellation))
            {
                completed.Add(_mailbox.CompleteAsync(message, cancellation));
            }
        }

        return (messages.Count, Task.WhenAll(completed));
    }

    // False for a message that is not done with.
    private async Task<bool> TakeAsync(ReceivedMessage message, CancellationToken cancellation)
    {
        try
        {
            await TakeAsync(Frame.FromJson(message.Body), cancellation);
            return true;
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.RosterUnknown)
        {
            // Not given back: it comes again when its lock ends, and ends as a dead letter if the roster never comes.
            Report("waiting", null, null, error.Message);
            return false;
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            Report("refused", null, null, error.Message);
            await _mailbox.DeadLetterAsync(message, error.Code.Name, cancellation);
            return false;
        }
    }

    private async Task TakeAsync(Frame frame, CancellationToken cancellation)
    {
        using Activity? span = _traces.Take(frame.Trace, _journal.Pending);
        try
        {
            if (SecureIntake.Takes(frame))
            {
                await TakeSecureAsync(frame, cancellation);
                AgentTraces.IsAbout(span, frame.Type, frame);
            }
            else
            {
                foreach (CoordinatorMessage verified in CoordinatorIntake.Verify(frame, _coordinator))
                {
                    AgentTraces.IsAbout(span, verified.GetType().Name, frame);
                    await TakeAsync(verified, cancellation);
                }
            }

            _traces.Note(_journal.Pending);
        }
        catch (Exception error) when (span.Fails(error))
        {
            throw;
        }
    }

    private async Task TakeAsync(CoordinatorMessage message, CancellationToken cancellation)
    {
        DateTimeOffset now = _time.GetUtcNow();
        switch (message)
        {
            case CoordinatorMessage.Proposal proposal:
                await _member.ConsiderAsync(proposal.Body, cancellation);
                break;
            case CoordinatorMessage.NewRoster roster:
                await FollowAsync(roster.Version, now, cancellation);
                break;
            case CoordinatorMessage.WrappingKey key:
                Keep(key.Body);
                break;
            case CoordinatorMessage.UploadAgain again:
                Report("encrypting_again", again.Body.Job, again.Body.Round, "the wrapping key has another version");
                Append(new UploadAgainReceived(now, again.Body));
                break;
            case CoordinatorMessage.Offer offer:
                await OfferAsync(offer.Body, now, cancellation);
                break;
            case CoordinatorMessage.Start start:
                Append(new StartReceived(now, RoundOpening.Of(start.Body), start.Rid, IndexIn(start.Body.RosterSha256), CommittedVersion.Of(start.Previous), _policy.IsOpen(now) ? null : ErrorCodes.PolicyRefused.Name));
                break;
            case CoordinatorMessage.Result result:
                Append(new ResultReceived(now, result.Body));
                break;
            case CoordinatorMessage.Abandoned abandoned:
                Append(new AbandonedReceived(now, abandoned.Body));
                break;
            case CoordinatorMessage.Ended ended:
                bool wanted = _journal.State.Runs.TryGetValue(ended.Body.Job, out SiloRun? run) && run.Phase == SiloRunPhase.Approved && _policy.Discloses(_models.Plan(ended.Body.Job));
                Append(new EndedReceived(now, ended.Body, wanted));
                Report("ended", ended.Body.Job, null, ended.Body.Outcome);
                break;
        }
    }

    private int IndexIn(Sha256Digest roster) =>
        _member.Roster is { } current && current.Digest() == roster && current.Find(_home.Invitation.SiloId) is { } self
            ? self.Idx
            : throw new FedCloudException(ErrorCodes.RosterUnknown, "the message names a roster that this silo has not verified, or is not in");
}
