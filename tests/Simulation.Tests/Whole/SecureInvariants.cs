// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Journals;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>What must hold of rounds under secure aggregation: the stored evidence gives the sum bit for bit, the sum is that of the members' updates, and every silo kept the rules of its journal.</summary>
/// <param name="federation">The federation, at rest.</param>
internal sealed class SecureInvariants(WholeFederation federation)
{
    private const int MaxBytes = 1 << 24;

    // The model is stored in binary32.
    private const double Rounding = 1e-5;

    private readonly RunConfig _config = federation.Config;
    private readonly SecureShelf _shelf = new(federation.Store);
    private readonly HashSet<(int Round, Sha256Digest Model)> _trained = [];

    public async Task RequireAsync(IEnumerable<RoundRecord> committed)
    {
        foreach (RoundRecord round in committed)
        {
            await RequireSumAsync(round);
        }

        foreach (SimulatedSilo silo in federation.Invited)
        {
            RequireJournal(silo);
        }

        RequireNoSecret();
    }

    // Updates, and the secrets of every epoch, in anything that anybody ever stored or said; opened secrets in their file only.
    private void RequireNoSecret()
    {
        foreach (SimulatedSilo silo in federation.Invited)
        {
            foreach ((int round, Sha256Digest model) in _trained)
            {
                foreach (AdapterTensor tensor in AdapterLayout.Of(_config, TinyBase.Folder).Tensors)
                {
                    federation.Search.Want(InventedTrainer.Values(silo.Id, round, model, tensor.Tensor.Name, tensor.Tensor.Count), $"an update of {silo.Id}");
                }
            }
        }

        string[] found = [.. federation.Search.Find(federation.Refused.Concat(federation.Silos.SelectMany(silo => silo.Reports))).Take(3)];
        Require(found.Length == 0, string.Join('\n', found));
        Require(_trained.Count == 0 || federation.Search.Secrets > 0, "no secret was looked for");
    }

    private async Task RequireSumAsync(RoundRecord round)
    {
        Require(federation.Search.CoinKeys > 0, "no key of coins was looked for");
        SecureRecord secure = round.Secure ?? throw new InvalidOperationException($"round {round.Round} does not say how it was summed");
        EpochArchive archive = new(_shelf);
        EpochParams parameters = await archive.ParametersAsync(secure.Sid, CancellationToken.None);
        AdapterLayout adapter = AdapterLayout.Of(_config, TinyBase.Folder);
        ExchangedFactor exchanged = _config.FactorsOf(round.Model.Version);
        RingLayout layout = PlannedRing.LayoutOf(_config, parameters.N, adapter.UpdateCoordinates(exchanged));
        RoundEvidence evidence = await EvidenceAsync(archive, parameters, round, secure);
        int[] u3 = [.. evidence.SelfSeeds.Keys];
        Dictionary<int, Stream> vectors = [];
        foreach (int idx in u3)
        {
            vectors[idx] = new MemoryStream(await _shelf.BytesAsync(SecureShelf.Vector(round.Job, round.Round, secure.Rid, idx), CancellationToken.None));
        }

        using MemoryStream z = new();
        RoundTerms terms = new(_config.Digest, layout.D, layout.Ring, _config.Participation.Quorum, _config.Privacy.IsClaimed);
        RosterKeys keys = new(await archive.KeysAsync(parameters.RosterSha256, CancellationToken.None), [await federation.MessageKeyAsync()]);
        ResultBody result = evidence.Verify(keys, terms, vectors, z);
        Require(result.AggregateSha256 == round.AggregateSha256 && result.NewModelSha256 == round.NewModel?.Sha256, $"round {round.Round} has another result than its record");
        Require((await BytesAsync(StorageNames.Sum(round.Job, round.Round))).AsSpan().SequenceEqual(z.ToArray()), $"the published sum of round {round.Round} is not the one of its evidence");

        SiloId[] members = [.. round.Members.Where(member => member.Value.Phase == MemberPhase.Verified).Select(member => member.Key)];
        Require(members.Length == u3.Length && u3.Length >= CohortBounds.Of(parameters.N).Quorum(_config.Participation.Quorum), $"round {round.Round} was opened for another list than its record, or below its quorum");
        await RequireModelAsync(round, adapter, layout, members);
    }

    private async Task<RoundEvidence> EvidenceAsync(EpochArchive archive, EpochParams parameters, RoundRecord round, SecureRecord secure)
    {
        Parcel delivered = await _shelf.ParcelAsync(SecureShelf.Delivered(secure.Sid), CancellationToken.None);
        ImmutableArray<int> u2 = [.. delivered.Envelopes.Select(shares => SecureAggregationBody.Parse<SharesBody>(shares.Payload).Idx).Order()];
        DsseEnvelope list = await _shelf.EnvelopeAsync(SecureShelf.U3List(round.Job, round.Round, secure.Rid), CancellationToken.None);
        Dictionary<int, Sha256Digest> listed = SecureAggregationBody.Parse<U3ListBody>(list.Payload).Members.ToDictionary(member => member.Idx, member => member.YSha256);
        OpenedSecrets secrets = JsonSerializer.Deserialize(await _shelf.BytesAsync(SecureShelf.Secrets(round.Job, round.Round, secure.Rid), CancellationToken.None), OpenedSecretsJson.Default.OpenedSecrets)!;
        return new RoundEvidence
        {
            Epoch = parameters,
            Advertisements = (await _shelf.ParcelAsync(SecureShelf.List(secure.Sid), CancellationToken.None)).Envelopes,
            Acks = await archive.AcksAsync(secure.Sid, u2, CancellationToken.None),
            Start = await _shelf.EnvelopeAsync(SecureShelf.Start(round.Job, round.Round, secure.Rid), CancellationToken.None),
            Masked = [.. (await StoredAsync(round, secure, "r2")).Where(envelope => SecureAggregationBody.Parse<MaskedBody>(envelope.Payload) is var body && listed.GetValueOrDefault(body.Idx) == body.YSha256)],
            U3List = list,
            Consistencies = await StoredAsync(round, secure, "r4"),
            SelfSeeds = secrets.B.ToImmutableSortedDictionary(seed => seed.Key, seed => seed.Value.ToBytes()),
            PairwiseKeys = secrets.S.ToImmutableSortedDictionary(key => key.Key, key => key.Value.ToBytes()),
            Result = await _shelf.EnvelopeAsync(SecureShelf.Result(round.Job, round.Round, secure.Rid), CancellationToken.None),
        };
    }

    private async Task<ImmutableArray<DsseEnvelope>> StoredAsync(RoundRecord round, SecureRecord secure, string kind)
    {
        string folder = SecureShelf.Start(round.Job, round.Round, secure.Rid).Path.Replace("r1.json", kind + "/", StringComparison.Ordinal);
        List<(int Idx, DsseEnvelope Envelope)> stored = [];
        await foreach (BlobItem item in federation.Store.ListAsync(StorageNames.Rounds, folder, CancellationToken.None))
        {
            int idx = int.Parse(item.Path[folder.Length..].Split('-')[0], System.Globalization.CultureInfo.InvariantCulture);
            stored.Add((idx, await _shelf.EnvelopeAsync(new BlobName(StorageNames.Rounds, item.Path), CancellationToken.None)));
        }

        return [.. stored.OrderBy(body => body.Idx).Select(body => body.Envelope)];
    }

    private static double[] UpdateOf(SiloId silo, RoundRecord round, AdapterTensor[] tensors, RingLayout layout) => layout.Segments[0].MaxRecords > 1
        ? [.. tensors.SelectMany(tensor => InventedTrainer.Units(silo, round.Round, round.Model.Sha256, tensor.Tensor.Name, tensor.Tensor.Count)).Select(value => value / layout.Scale(0))]
        : [.. tensors.SelectMany(tensor => InventedTrainer.Values(silo, round.Round, round.Model.Sha256, tensor.Tensor.Name, tensor.Tensor.Count)).Select(value => (double)value)];

    // What the members' trainers gave, weighted and clipped as the plan says: a member adds less than one step of the grid to a coordinate.
    private async Task RequireModelAsync(RoundRecord round, AdapterLayout adapter, RingLayout layout, SiloId[] members)
    {
        AdapterTensor[] tensors = [.. adapter.Exchanged(_config.FactorsOf(round.Model.Version))];
        RingSegment model = layout.Segments[0];
        double[] sum = new double[adapter.UpdateCoordinates(_config.FactorsOf(round.Model.Version))];
        double weights = 0;
        foreach (SiloId silo in members)
        {
            double[] update = UpdateOf(silo, round, tensors, layout);
            double weight = model.Weighted ? Math.Min(federation.WeightOf(silo), _config.Aggregation.WeightMax) / (double)_config.Aggregation.WeightMax : 1;
            double norm = weight * Math.Sqrt(update.Sum(value => value * value));
            double factor = weight * (model.MaxRecords > 1 ? 1 : Math.Min(1, model.Clip / norm));
            weights += weight;
            for (int i = 0; i < sum.Length; i++)
            {
                sum[i] += factor * update[i];
            }
        }

        float[] moved = await MovedAsync(round, tensors);
        double noise = 8 * layout.SigmaLocal(0) * Math.Sqrt(members.Length);
        double step = (members.Length + noise) / layout.Scale(0) / weights;
        double[] off = [.. moved.Select((value, i) => Math.Abs(value - (sum[i] / weights)))];

        // A rotation spreads the rounding of all coordinates over each.
        bool right = layout.Rotated
            ? Math.Sqrt(off.Sum(value => value * value)) <= (step * Math.Sqrt(model.Length)) + Rounding
            : off.Max() <= step + Rounding;
        Require(right, $"the model of round {round.Round} is not the weighted mean of its members: {off.Max()} off with steps of {step}");
    }

    private async Task<float[]> MovedAsync(RoundRecord round, AdapterTensor[] tensors)
    {
        float[] before = await ValuesAsync(round.Model.Version, tensors);
        float[] after = await ValuesAsync(round.Model.Version + 1, tensors);
        return [.. after.Select((value, i) => value - before[i])];
    }

    private async Task<float[]> ValuesAsync(int version, AdapterTensor[] tensors)
    {
        string path = Path.GetTempFileName();
        await File.WriteAllBytesAsync(path, await BytesAsync(StorageNames.Version(_config.Federation, _config.Adapter, _config.Job, version)));
        using SafetensorsFile file = SafetensorsFile.Open(path, SafetensorsLimits.Foreign);
        File.Delete(path);
        return
        [
            .. tensors.SelectMany(tensor =>
            {
                float[] values = new float[tensor.Tensor.Count];
                file.ReadF32(file.Header.Tensors.First(stored => string.Equals(stored.Name, tensor.Tensor.Name, StringComparison.Ordinal)), 0, values);
                return values;
            }),
        ];
    }

    // Over the whole journal, whatever was forgotten since (secure-aggregation, J2 to J4, J9).
    private void RequireJournal(SimulatedSilo silo)
    {
        SiloState state = new();
        Dictionary<(Sha256Digest Sid, int Slot), Sha256Digest> rids = [];
        Dictionary<Sha256Digest, Sha256Digest> masked = [];
        Dictionary<Sha256Digest, Sha256Digest> lists = [];
        Dictionary<(RunId Job, int Round), ConsistencyBody> agreed = [];
        HashSet<Sha256Digest> revealed = [];
        HashSet<Sha256Digest> burned = [];
        foreach (JournalLine line in silo.Lines())
        {
            if (line.Event is not { } @event)
            {
                continue;
            }

            SiloStep step = SiloMachine.Step(state, @event);
            state = step.State;
            foreach (SiloEffect effect in step.Effects)
            {
                switch (effect)
                {
                    case Train train:
                        _trained.Add((train.Start.Round, train.Start.ModelSha256));
                        break;
                    case UploadMasked { Start.Slot: { } slot, Body: var body }:
                        Require(Same(rids, (slot.Sid, slot.Slot), body.Rid), $"{silo.Id} masked two rounds in slot {slot.Slot}");
                        Require(Same(masked, body.Rid, body.YSha256), $"{silo.Id} masked one round twice");
                        break;
                    case SendConsistency consistency:
                        Require(Same(lists, consistency.Body.Rid, consistency.Body.U3Sha256), $"{silo.Id} agreed to two lists of one round");
                        Require(Same(agreed, (consistency.Job, consistency.Round), consistency.Body), $"{silo.Id} agreed twice to open round {consistency.Round}");
                        break;
                    case SendUnmask unmask:
                        Require(lists.ContainsKey(unmask.Rid), $"{silo.Id} revealed a round that it did not agree to open");
                        revealed.Add(unmask.Rid);
                        break;
                    case SendBurned told:
                        burned.Add(told.Body.Rid);
                        break;
                }
            }
        }

        Require(!burned.Overlaps(revealed), $"{silo.Id} says that it never reveals a round that it revealed");
    }

    private static bool Same<TKey, TValue>(Dictionary<TKey, TValue> known, TKey key, TValue value)
        where TKey : notnull => known.TryAdd(key, value) || EqualityComparer<TValue>.Default.Equals(known[key], value);

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
