// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Journals;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>What must hold at the end of every schedule, read from the storage and from the silos' disks.</summary>
/// <param name="federation">The federation, at rest.</param>
internal sealed class WholeInvariants(WholeFederation federation)
{
    private const int MaxBytes = 1 << 24;

    private readonly RunConfig _config = federation.Config;

    public async Task RequireAsync()
    {
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await federation.ReadAsync();
        Require(state.IsFinal(), "the run has not ended");
        RoundRecord[] committed = [.. rounds.Where(round => string.Equals(round.Outcome, "committed", StringComparison.Ordinal))];
        Require(committed.Length == state.CommittedRounds, "records and committed rounds differ");
        Require(rounds.Select(round => round.Round).Distinct().Count() == rounds.Count, "a round is recorded twice");
        Require(state.Phase != RunPhase.Completed || state.CommittedRounds == _config.Rounds, "a completed run lacks rounds");
        await RequireVersionsAsync(state, committed);
        if (_config.Privacy.IsClaimed)
        {
            await new BudgetInvariants(federation).RequireAsync(committed);
        }

        if (_config.Aggregation.IsSecure)
        {
            await new SecureInvariants(federation).RequireAsync(committed);
        }
        else
        {
            foreach (RoundRecord round in committed)
            {
                await RequireMeanAsync(round);
            }
        }

        await RequireNothingPendingAsync();
        await RequireMembershipAsync();
        await new WholeLogInvariants(federation, federation.Vault).RequireAsync((await federation.MembershipAsync()).Roster!, rounds);
        foreach (SimulatedSilo silo in federation.Invited)
        {
            RequireSilo(silo, committed);
        }
    }

    private async Task RequireVersionsAsync(RunState state, RoundRecord[] committed)
    {
        Sha256Digest? previous = null;
        for (int version = 0; state.Model is { } newest && version <= newest.Version; version++)
        {
            byte[] bytes = await BytesAsync(StorageNames.Version(_config.Federation, _config.Adapter, _config.Job, version));
            VersionManifest manifest = JsonSerializer.Deserialize(await BytesAsync(StorageNames.VersionManifest(_config.Federation, _config.Adapter, _config.Job, version)), DocumentJson.Default.VersionManifest)!;
            Require(manifest.Sha256 == Sha256Digest.Of(bytes), $"version {version} holds other bytes than its manifest says");
            Require(manifest.Previous == previous, $"version {version} does not follow from the one before it");
            Require(version == 0 || committed[version - 1].NewModel == new ModelReference(version, manifest.Sha256), $"version {version} is not the one that its round made");
            previous = manifest.Sha256;
        }

        Require(state.Model is null || state.Model.Version == state.CommittedRounds, "versions and committed rounds differ");
        if (state.CommittedRounds > 0)
        {
            ChannelPointer channel = JsonSerializer.Deserialize(await BytesAsync(StorageNames.Channel(_config.Federation, _config.Adapter)), DocumentJson.Default.ChannelPointer)!;
            Require(channel == new ChannelPointer(_config.Job, state.Model!.Version, state.Model.Sha256), "the channel does not point at the newest version");
        }
    }

    // Recomputed from the participants that the record names, and from nothing that a silo or the coordinator stored.
    private async Task RequireMeanAsync(RoundRecord round)
    {
        Dictionary<SiloId, long> weights = round.Members.Where(member => member.Value.Phase == MemberPhase.Verified).ToDictionary(member => member.Key, member => member.Value.Weight);
        Require(weights.Count >= _config.Participation.Quorum, $"round {round.Round} is committed below its quorum");
        Require(weights.All(weight => weight.Value == federation.WeightOf(weight.Key)), $"round {round.Round} counts a silo with another weight than its own");
        Sha256Digest digest = round.AggregateSha256 ?? throw new InvalidOperationException("a committed round has an aggregate");
        byte[] stored = await BytesAsync(StorageNames.Aggregate(_config.Job, round.Round, digest));
        Require(Sha256Digest.FromBytes(SHA256.HashData(stored)) == digest, $"the aggregate of round {round.Round} holds other bytes than its digest says");
        ExchangedFactor exchanged = _config.FactorsOf(round.Model.Version);
        float[] expected =
        [
            .. AdapterLayout.Of(_config, TinyBase.Folder).Exchanged(exchanged).SelectMany(tensor =>
            {
                double[] sum = new double[tensor.Tensor.Count];
                foreach ((SiloId silo, long weight) in weights)
                {
                    float[] values = InventedTrainer.Values(silo, round.Round, round.Model.Sha256, tensor.Tensor.Name, tensor.Tensor.Count);
                    for (int i = 0; i < sum.Length; i++)
                    {
                        sum[i] += weight * (double)values[i];
                    }
                }

                return sum.Select(value => (float)(value / weights.Values.Sum()));
            }),
        ];
        Require(MemoryMarshal.Cast<byte, float>(stored).SequenceEqual(expected), string.Create(CultureInfo.InvariantCulture, $"the aggregate of round {round.Round} is not the weighted mean of its participants"));
    }

    private async Task RequireNothingPendingAsync()
    {
        RunDocument document = JsonSerializer.Deserialize(await BytesAsync(StorageNames.Run(_config.Job)), DocumentJson.Default.RunDocument)!;
        Require(document.Pending.IsEmpty, "an effect of the coordinator is lost");
    }

    private async Task RequireMembershipAsync()
    {
        FederationState state = await federation.MembershipAsync();
        Require(state.Proposal is null && state.Leaving.IsEmpty && state.Invited.IsEmpty, "a change of membership is lost");
        foreach (SimulatedSilo silo in federation.Invited.Where(silo => state.Roster?.Find(silo.Id) is not null))
        {
            Require(silo.RosterVersion() == state.Roster?.Version, $"{silo.Id} has not heard of roster version {state.Roster?.Version}");
        }
    }

    private void RequireSilo(SimulatedSilo silo, RoundRecord[] committed)
    {
        Require(silo.Alarms.Count == 0, $"{silo.Id} accuses an honest coordinator: {string.Join(' ', silo.Alarms)}");
        using SiloJournal journal = silo.Journal();
        Require(journal.Pending.IsEmpty, $"an effect of {silo.Id} is lost: {string.Join(' ', journal.Pending.Select(pending => pending.Effect.GetType().Name))}");
        if (journal.State.Runs.TryGetValue(_config.Job, out SiloRun? run) && run.Model.Version > 0)
        {
            Require(committed[run.Model.Version - 1].NewModel == run.Model, $"{silo.Id} holds another version {run.Model.Version} than the coordinator");
        }
    }

    private async Task<byte[]> BytesAsync(BlobName name) =>
        await federation.Store.ReadAsync(name, MaxBytes, CancellationToken.None) is { } read ? read.Bytes : throw new InvalidOperationException($"{name} is missing");

    private static void Require(bool holds, string broken)
    {
        if (!holds)
        {
            throw new InvalidOperationException(broken);
        }
    }
}
