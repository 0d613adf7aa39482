// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Somebody puts messages into the mailboxes while a federation trains: the run ends as if nobody had, and each message is put aside with its reason.</summary>
public sealed class HostilePostTests
{
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    [Fact]
    public async Task T13_Garbage_IsPutAside() =>
        await RequireHarmlessAsync(
            _ => [Encoding.UTF8.GetBytes("not a frame"), [], RandomNumberGenerator.GetBytes(1000), "null"u8.ToArray(), "{\"v\":1,\"envelopes\":[null]}"u8.ToArray()],
            ErrorCodes.MessageMalformed);

    [Fact]
    public async Task Frame_OfANewerVersion_IsPutAsideAndNamedAsSuch() =>
        await RequireHarmlessAsync(frame => [Changed(frame, json => json["v"] = 2), Changed(frame, json => (json["v"], json["new_member"]) = (9, "x"))], ErrorCodes.MessageVersion);

    [Fact]
    public async Task T13_Frame_TooLarge_IsPutAsideUnread() =>
        await RequireHarmlessAsync(_ => [new byte[Frame.MaxBytes + 1]], ErrorCodes.MessageTooLarge);

    [Fact]
    public async Task T13_Body_ChangedAfterSigning_IsPutAside() =>
        await RequireHarmlessAsync(
            frame => [Changed(frame, json =>
            {
                if (json["envelopes"] is JsonArray { Count: > 0 } envelopes && envelopes[0] is JsonObject envelope)
                {
                    byte[] body = Convert.FromBase64String(envelope["payload"]!.GetValue<string>());
                    body[^2] ^= 1;
                    envelope["payload"] = Convert.ToBase64String(body);
                }
                else
                {
                    json["type"] = 7;
                }
            })],
            ErrorCodes.SignatureInvalid);

    [Fact]
    public async Task T05_Body_OfAStranger_IsPutAside()
    {
        using ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        PlainDeclineBody body = new() { Type = PlainBody.Decline, Rid = Sha256Digest.Zero, Idx = 1, Job = new RunId("sim-run"), Round = 1, Reason = "data_empty" };
        DsseEnvelope forged = DsseEnvelope.Sign(PlainBody.PayloadType, Jcs.Serialize(body, PlainBodyJson.Default.PlainDeclineBody), stranger);

        await RequireHarmlessAsync(frame => [(Frame.FromJson(frame) with { Envelopes = [forged], Type = PlainBody.Decline }).ToJson()], ErrorCodes.SignatureInvalid);
    }

    [Fact]
    public async Task T06_EveryMessage_Again_ChangesNothing() => await RequireHarmlessAsync(frame => [frame, frame], reason: null);

    [Theory]
    [InlineData(60, "envelope_malformed")]
    [InlineData(-1, "envelope_tampered")]
    [InlineData(-40, "envelope_tampered")]
    public async Task T13_Upload_Changed_IsRefusedAndTheRoundGoesOnWithoutIt(int place, string reason)
    {
        await using WholeFederation federation = new(5, Calm, silos: 3, WholeScheduleTests.Config(rounds: 2, quorum: 2, "ffa_lora"));
        HashSet<string> changed = new(StringComparer.Ordinal);
        string container = StorageNames.Up(federation.Silos[0].Id);
        federation.Meanwhile = async () =>
        {
            List<BlobItem> uploads = [];
            await foreach (BlobItem item in federation.Store.ListAsync(container, string.Empty, CancellationToken.None))
            {
                uploads.Add(item);
            }

            foreach (BlobItem item in uploads.Where(item => changed.Add(item.Path)))
            {
                federation.Store.Tamper(container, item.Path, bytes =>
                {
                    byte[] other = [.. bytes];
                    other[place < 0 ? other.Length + place : place] ^= 1;
                    return other;
                });
            }
        };

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.Equal(2, changed.Count);
        Assert.All(rounds.Take(2), round => Assert.Equal((MemberPhase.Dropped, reason), (round.Members[federation.Silos[0].Id].Phase, round.Members[federation.Silos[0].Id].Reason)));
    }

    // Each true message is followed by hostile ones in the same mailbox.
    private static async Task RequireHarmlessAsync(Func<byte[], IEnumerable<byte[]>> hostile, ErrorCode? reason)
    {
        RunState alone = await RunAsync(meanwhile: null);
        HashSet<string> answered = new(StringComparer.Ordinal);
        long moment = 0;

        RunState attacked = await RunAsync(async (federation, mailboxes) =>
        {
            foreach (string mailbox in mailboxes)
            {
                await foreach (BlobItem item in federation.Store.ListAsync(mailbox, string.Empty, CancellationToken.None))
                {
                    if (!MessageId.IsValid(item.Path) || item.Length == 0 || !answered.Add(item.Path))
                    {
                        continue;
                    }

                    (byte[] frame, _) = (await federation.Store.ReadAsync(new BlobName(mailbox, item.Path), 1 << 20, CancellationToken.None)).GetValueOrDefault();
                    foreach (byte[] body in hostile(frame))
                    {
                        string id = MessageId.Of(++moment, RandomNumberGenerator.GetBytes(MessageId.RandomBytes)).Value;
                        answered.Add(id);
                        await federation.Store.PutIfAbsentAsync(new BlobName(mailbox, id), BlobContent.Of(body), CancellationToken.None);
                    }
                }
            }
        }, reason);

        Assert.True(moment > 20, "nothing was attacked");
        Assert.Equal(RunPhase.Completed, attacked.Phase);
        Assert.Equal(alone.Model, attacked.Model);
    }

    private static async Task<RunState> RunAsync(Func<WholeFederation, IEnumerable<string>, Task>? meanwhile, ErrorCode? reason = null)
    {
        await using WholeFederation federation = new(4, Calm, silos: 2, WholeScheduleTests.Config(rounds: 2, quorum: 2, "ffa_lora"));
        string[] mailboxes = [StorageNames.MailCoordinator, .. federation.Silos.Select(silo => StorageNames.Mail(silo.Id))];
        federation.Meanwhile = meanwhile is null ? null : () => meanwhile(federation, mailboxes);
        await federation.RunAsync();
        await new WholeInvariants(federation).RequireAsync();
        foreach (string mailbox in mailboxes)
        {
            IReadOnlyList<DeadLetter> dead = await new BlobMailbox(federation.Store, mailbox, federation.Time).ListDeadLettersAsync(CancellationToken.None);
            Assert.True(reason is null ? dead.Count == 0 : dead.Count > 0 && dead.Any(letter => letter.Reason == reason.Name), $"{mailbox}: {string.Join(' ', dead.Select(letter => letter.Reason).Distinct())}");
        }

        return (await federation.ReadAsync()).State;
    }

    private static byte[] Changed(byte[] frame, Action<JsonObject> change)
    {
        JsonObject json = JsonNode.Parse(frame)!.AsObject();
        change(json);
        return Encoding.UTF8.GetBytes(json.ToJsonString());
    }
}
