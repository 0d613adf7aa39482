// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit;

/// <summary>What the coordinator writes into the log about a run: the entries that belong to each effect, before it is carried out.</summary>
/// <remarks>
/// Plain mode writes the same types as secure aggregation. Where it has nothing, it says so by a value that the other mode
/// cannot have: slot 0, one unit of 8 bits for each byte of an update, 64 zeros for seeds and heads.
/// </remarks>
public static class RunEntries
{
    private const string Operator = "operator";
    private const string LatestChannel = "latest";
    private const string Committed = "round_committed";
    private const string NormGate = "aggregate_norm";
    private const int BitsOfAByte = 8;

    /// <summary>The entries of an effect, in order; none for effects that nobody needs to review.</summary>
    /// <param name="state">The run.</param>
    /// <param name="effect">What is about to be done.</param>
    public static ImmutableArray<EntryDraft> Of(RunState state, RunEffect effect)
    {
        ArgumentNullException.ThrowIfNull(state);
        return effect switch
        {
            SendOffer offer => [Submitted(offer)],
            SendStart start => [Started(start.Body.Rid(), RoundOpening.Of(start.Body))],
            SendSecureStart start => [Started(start.Body.Rid, start.Opening)],
            SendU3 list => Listed(state, list),
            SendResult result => Finished(state, result.Body),
            SendSecureResult result => Opened(state, result),
            SendAbandoned abandoned => [EntryDraft.Of(EntryTypes.RoundFailed, abandoned.Body.Job, abandoned.Body.Round).With("rid", abandoned.Body.Rid).With("reason", abandoned.Body.Reason)],
            _ => [],
        };
    }

    /// <summary>For an effect that may come again with entries that the log needs once, its number among those of its type; null for every other effect.</summary>
    /// <remarks>An offer goes out again when the roster changes, and a list until its members have answered: a round has one list (secure-aggregation, J9).</remarks>
    public static long? Once(RunEffect effect) => effect switch
    {
        SendOffer => 1,
        SendU3 list => list.Round,
        _ => null,
    };

    /// <summary>The entry of a round's start.</summary>
    /// <param name="rid">The round's identity.</param>
    /// <param name="start">What opens it.</param>
    public static EntryDraft Started(Sha256Digest rid, RoundOpening start)
    {
        ArgumentNullException.ThrowIfNull(start);
        return EntryDraft.Of(EntryTypes.RoundStart, start.Job, start.Round)
            .With("rid", rid)
            .With("model", start.ModelSha256)
            .With("config", start.ConfigSha256)
            .With("slot", start.Slot?.Slot ?? 0)
            .With("d", start.Slot?.D ?? start.UpdateLen)
            .With("k", start.Slot?.K ?? BitsOfAByte)
            .With("deadline", start.Deadline);
    }

    private static EntryDraft Submitted(SendOffer offer) => EntryDraft.Of(EntryTypes.PlanSubmitted, offer.Body.Job)
        .With("config", offer.Body.ConfigSha256)
        .With("initial_model", offer.Body.InitialModelSha256)
        .With("role", Operator);

    private static ImmutableArray<EntryDraft> Finished(RunState state, PlainResultBody result)
    {
        // The contributing indexes as a JCS array, as secure aggregation's U3 lists them.
        Sha256Digest u3 = Sha256Digest.Of(Encoding.ASCII.GetBytes($"[{string.Join(',', result.Members.Select(member => member.Idx))}]"));
        return
        [
            .. result.Members.Select(member => Taken(state, result, member)),
            EntryDraft.Of(EntryTypes.U3, result.Job, result.Round).With("rid", result.Rid).With("u3", u3).With("count", result.Members.Length),
            EntryDraft.Of(EntryTypes.Result, result.Job, result.Round)
                .With("rid", result.Rid)
                .With("u3", u3)
                .With("seeds", Sha256Digest.Zero)
                .With("aggregate", result.AggregateSha256)
                .With("new_model", result.NewModelSha256),
            Moved(state.Config, new ModelReference(result.ModelVersion, result.NewModelSha256)),
        ];
    }

    // The announcement that the silo signed, rebuilt: its identity is that of the body, whatever the signature.
    private static EntryDraft Taken(RunState state, PlainResultBody result, PlainMember member)
    {
        FactorSizes lengths = state.UpdateLengths ?? throw new InvalidOperationException("a run with results knows its updates' lengths");
        PlainUpdateBody update = new()
        {
            Type = PlainBody.Update,
            Rid = result.Rid,
            Idx = member.Idx,
            Job = result.Job,
            Round = result.Round,
            UpdateSha256 = member.UpdateSha256,
            UpdateLen = lengths.Of(state.Config.FactorsOf(result.ModelVersion - 1)),
            Weight = member.Weight,
        };
        return EntryDraft.Of(EntryTypes.Masked, result.Job, result.Round)
            .With("rid", result.Rid)
            .With("masked", Dsse.Identity(PlainBody.PayloadType, Jcs.Serialize(update, PlainBodyJson.Default.PlainUpdateBody)))
            .With("ledger_head", Sha256Digest.Zero)
            .With("journal_head", Sha256Digest.Zero)
            .With("idx", member.Idx);
    }

    private static ImmutableArray<EntryDraft> Listed(RunState state, SendU3 list) =>
    [
        .. list.Masked.Select(member => EntryDraft.Of(EntryTypes.Masked, state.Config.Job, list.Round)
            .With("rid", list.Body.Rid)
            .With("masked", member.Value.Identity)
            .With("ledger_head", member.Value.LedgerHead)
            .With("journal_head", member.Value.JournalHead)
            .With("idx", member.Key)),
        EntryDraft.Of(EntryTypes.U3, state.Config.Job, list.Round).With("rid", list.Body.Rid).With("u3", list.Body.U3Sha256).With("count", list.Body.Members.Length),
    ];

    // A sum is opened once, and only one that passed the gate makes a version.
    private static ImmutableArray<EntryDraft> Opened(RunState state, SendSecureResult result) =>
    [
        EntryDraft.Of(EntryTypes.Result, state.Config.Job, result.Round)
            .With("rid", result.Body.Rid)
            .With("u3", result.Body.U3Sha256)
            .With("seeds", result.Body.SeedsSha256)
            .With("aggregate", result.Body.AggregateSha256)
            .With("new_model", result.Body.NewModelSha256),
        EntryDraft.Of(EntryTypes.Gate, state.Config.Job, result.Round)
            .With("aggregate", result.Body.AggregateSha256)
            .With("gate", NormGate)
            .With("passed", true)
            .With("basis", "aggregate"),
        Moved(state.Config, new ModelReference(result.Version.ModelVersion, result.Version.ModelSha256)),
    ];

    private static EntryDraft Moved(RunConfig config, ModelReference version) => EntryDraft.Of(EntryTypes.ChannelMoved, config.Job)
        .With("model", version.Sha256)
        .With("adapter", config.Adapter)
        .With("channel", LatestChannel)
        .With("version", version.Version)
        .With("reason", Committed);
}
