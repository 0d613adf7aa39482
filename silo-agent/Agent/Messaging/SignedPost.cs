// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Runs;

namespace FedCloud.SiloAgent.Messaging;

/// <summary>Signs the bodies of effects with the silo's identity key, and sends them.</summary>
/// <param name="home">The home folder.</param>
/// <param name="post">Sends to the coordinator.</param>
/// <param name="work">Knows where uploads lie.</param>
/// <param name="report">Takes phase, run, round and detail for the terminal.</param>
public sealed class SignedPost(SiloHome home, CoordinatorPost post, RoundWork work, Action<string, RunId?, int?, string> report)
{
    /// <summary>Sends the body of an effect.</summary>
    public async Task SendAsync(SiloEffect effect, CancellationToken cancellation)
    {
        switch (effect)
        {
            case SendAnswer send:
                await SendAsync(RunBody.Answer, send.Body.Job, null, [(RunBody.PayloadType, Jcs.Serialize(send.Body, RunBodyJson.Default.PlanAnswerBody))], [], cancellation);
                break;
            case SendUpdate send:
                List<(string, byte[])> bodies = [(PlainBody.PayloadType, Jcs.Serialize(send.Body, PlainBodyJson.Default.PlainUpdateBody))];
                if (send.Metrics is { } figures)
                {
                    bodies.Add((RunBody.MetricsPayloadType, Jcs.Serialize(figures, RunBodyJson.Default.MetricsBody)));
                }

                await SendAsync(PlainBody.Update, send.Body.Job, send.Body.Round, bodies, [await work.ClaimAsync(send.Body, send.Attempt, cancellation)], cancellation);
                report("sent", send.Body.Job, send.Body.Round, string.Empty);
                break;
            case SendDecline send:
                await SendAsync(PlainBody.Decline, send.Body.Job, send.Body.Round, [(PlainBody.PayloadType, Jcs.Serialize(send.Body, PlainBodyJson.Default.PlainDeclineBody))], [], cancellation);
                report("declined", send.Body.Job, send.Body.Round, send.Body.Reason);
                break;
            case SendMetrics send:
                await SendAsync(RunBody.Metrics, send.Body.Job, send.Body.Round, [(RunBody.MetricsPayloadType, Jcs.Serialize(send.Body, RunBodyJson.Default.MetricsBody))], [], cancellation);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect.GetType().Name, "an unknown effect");
        }
    }

    private async Task SendAsync(string type, RunId job, int? round, List<(string PayloadType, byte[] Body)> bodies, ImmutableArray<FrameBlob> blobs, CancellationToken cancellation)
    {
        List<DsseEnvelope> envelopes = [];
        foreach ((string payloadType, byte[] body) in bodies)
        {
            envelopes.Add(await home.SignAsync(SiloHome.IdentityKey, payloadType, body, cancellation));
        }

        await post.SendAsync(type, job, round, [.. envelopes], blobs, cancellation);
    }
}
