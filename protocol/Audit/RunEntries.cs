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
            SendResult result => Finished(state, result.Body),
            SendAbandoned abandoned => [EntryDraft.Of(EntryTypes.RoundFailed, abandoned.Body.Job, abandoned.Body.Round).With("rid", abandoned.Body.Rid).With("reason", abandoned.Body.Reason)],
            _ => [],
        };
    }

    /// <summary>Whether an effect may come again with entries that the log needs once: an offer goes out again when the roster changes.</summary>
    public static bool OnlyOnce(RunEffect effect) => effect is SendOffer;

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
        UpdateLengths lengths = state.UpdateLengths ?? throw new InvalidOperationException("a run with results knows its updates' lengths");
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

    private static EntryDraft Moved(RunConfig config, ModelReference version) => EntryDraft.Of(EntryTypes.ChannelMoved, config.Job)
        .With("model", version.Sha256)
        .With("adapter", config.Adapter)
        .With("channel", LatestChannel)
        .With("version", version.Version)
        .With("reason", Committed);
}
