// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

public sealed class RemovedMemberTests
{
    private const string Join = "join";

    // Whoever has the member's key sends everything again that it ever sent, and nothing of it counts any more (keys-and-identity, section 6).
    [Fact]
    public async Task Messages_OfAMemberThatWasRemoved_ArePutAside()
    {
        await using WholeFederation federation = new(6, new WholeFaults(0, 0, 0, 0, 0, 0, 0, 0), silos: 3, WholeScheduleTests.Config(rounds: 3, quorum: 2, "ffa_lora"));
        SimulatedSilo gone = federation.Silos[2];
        List<Frame> sent = [];
        federation.Store.Written += (name, bytes) =>
        {
            if (name.Container == StorageNames.MailCoordinator && bytes.Length > 0 && MessageId.IsValid(name.Path)
                && Frame.FromJson(bytes) is { Envelopes: [{ } first, ..] } frame && gone.Key is { } key && first.IsSignedBy(key))
            {
                sent.Add(frame);
            }
        };
        bool isRemoved = false;
        Dictionary<string, string> replayed = new(StringComparer.Ordinal);
        federation.Meanwhile = async () =>
        {
            if (!isRemoved && federation.Run is { Phase: RunPhase.Running, CommittedRounds: 1 })
            {
                isRemoved = true;
                await federation.RevokeAsync(gone.Id);
            }
            else if (isRemoved && replayed.Count == 0 && (await federation.MembershipAsync()).Roster is { Version: 2 })
            {
                foreach (Frame frame in sent.ToList())
                {
                    MessageId id = MessageId.Of(replayed.Count + 1, RandomNumberGenerator.GetBytes(MessageId.RandomBytes));
                    replayed.Add(id.Value, frame.Type);
                    await federation.Store.PutIfAbsentAsync(new BlobName(StorageNames.MailCoordinator, id.Value), BlobContent.Of((frame with { Id = id }).ToJson()), CancellationToken.None);
                }
            }
        };

        await federation.RunAsync();

        await new WholeInvariants(federation).RequireAsync();
        (RunState state, _) = await federation.ReadAsync();
        Dictionary<string, string> putAside = (await new BlobMailbox(federation.Store, StorageNames.MailCoordinator, federation.Time).ListDeadLettersAsync(CancellationToken.None))
            .ToDictionary(letter => letter.Id.Value, letter => letter.Reason, StringComparer.Ordinal);
        Assert.Equal(RunPhase.Completed, state.Phase);
        Assert.Superset(new HashSet<string>([Join, "roster_signature", RunBody.Answer, PlainBody.Update, "log_entry", "witness_line"], StringComparer.Ordinal), replayed.Values.ToHashSet(StringComparer.Ordinal));
        Assert.All(replayed.Where(message => message.Value is not Join), message => Assert.Equal(ErrorCodes.SignatureInvalid.Name, putAside.GetValueOrDefault(message.Key)));

        // Its invitation was used.
        Assert.DoesNotContain(gone.Id, (await federation.MembershipAsync()).Joined.Keys);
    }
}
