// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;

namespace FedCloud.Protocol.Audit;

/// <summary>What a silo's agent writes into the log: its starts, its answers to plans, its alarms.</summary>
public static class SiloEntries
{
    // The agent answers by the policy that the administrator signed; nobody is asked.
    private const string Role = "agent";
    private const string AdministratorRole = "administrator";

    /// <summary>The agent starts.</summary>
    /// <param name="nonce">32 fresh bytes, which tell this start from every other.</param>
    /// <param name="journalHead">The head of the journal before anything new is in it.</param>
    /// <param name="idx">The silo's index in the roster in force.</param>
    /// <param name="continuous">Whether the host proved that it went on where it stopped (secure-aggregation, J7).</param>
    /// <param name="ledgerHead">The head of the data set's privacy ledger; null for none.</param>
    public static EntryDraft Started(Sha256Digest nonce, Sha256Digest journalHead, int idx, bool continuous, Sha256Digest? ledgerHead)
    {
        EntryDraft draft = EntryDraft.Of(EntryTypes.AgentStarted)
            .With("nonce", nonce)
            .With("journal_head", journalHead)
            .With("idx", idx)
            .With("continuous", continuous);
        return ledgerHead is { } head ? draft.With("ledger_head_1", head) : draft;
    }

    /// <summary>What the log shows of an entry of a privacy ledger: no amount, only that it is there and what it follows (privacy, L5).</summary>
    /// <remarks>What can be guessed cannot be found from the hashes: entries with figures hold the administrator's signature, which stays in the silo.</remarks>
    public static EntryDraft Budget(LedgerEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        EntryDraft draft = (entry.Job, entry.Round) switch
        {
            ({ } job, { } round) => EntryDraft.Of(EntryTypes.Budget, job, checked((int)round)),
            ({ } job, null) => EntryDraft.Of(EntryTypes.Budget, job),
            _ => EntryDraft.Of(EntryTypes.Budget),
        };
        Sha256Digest hash = entry.Hash();
        return draft
            .With("receipt", hash)
            .With("dataset", entry.DatasetCommitment)
            .With("head_before", entry.PrevHash)
            .With("head_after", hash)
            .With("code", JsonNamingPolicy.SnakeCaseLower.ConvertName(entry.Type.ToString()));
    }

    /// <summary>The entry of an effect, to journal before the effect is carried out; null for effects that nobody needs to review.</summary>
    /// <param name="state">The silo.</param>
    /// <param name="effect">What is about to be done.</param>
    /// <param name="policy">The SHA-256 of the signed policy, which decided.</param>
    public static EntryDraft? Of(SiloState state, SiloEffect effect, Sha256Digest policy)
    {
        ArgumentNullException.ThrowIfNull(state);
        return effect switch
        {
            SendAnswer answer when state.Runs[answer.Body.Job] is { IsByAdministrator: false } run => Answered(run, answer.Body, policy),
            RaiseAlarm alarm => Alarm(alarm),
            SendBurned burned => EntryDraft.Of(EntryTypes.Burned, burned.Body.Job, checked((int)burned.Body.Round))
                .With("rid", burned.Body.Rid)
                .With("burned", Dsse.Identity(Fcsa1.PayloadType, SecureAggregationBody.Encode(burned.Body)))
                .With("idx", burned.Body.Idx),
            _ => null,
        };
    }

    /// <summary>The administrator's own answer to a plan, which it signs itself.</summary>
    /// <param name="job">The run.</param>
    /// <param name="config">The plan.</param>
    /// <param name="initialModel">Version 0 as the offer names it.</param>
    /// <param name="reason">Why the silo takes no part, a code; null when it does.</param>
    public static EntryDraft Decided(RunId job, Sha256Digest config, Sha256Digest initialModel, string? reason)
    {
        EntryDraft draft = EntryDraft.Of(reason is null ? EntryTypes.PlanApproved : EntryTypes.PlanRefused, job)
            .With("config", config)
            .With("initial_model", initialModel)
            .With("role", AdministratorRole);
        return reason is null ? draft : draft.With("reason", reason);
    }

    /// <summary>Whether an entry is an answer to a plan.</summary>
    public static bool IsAnswer(string type) => type is EntryTypes.PlanApproved or EntryTypes.PlanRefused;

    /// <summary>Whether an entry that was journaled before says what the draft says: effects come again after a crash, and offers when the roster changes.</summary>
    /// <remarks>A plan is answered once, whatever the policy is by then.</remarks>
    public static bool IsRepeated(EntryDraft draft, LogEntry journaled)
    {
        ArgumentNullException.ThrowIfNull(draft);
        ArgumentNullException.ThrowIfNull(journaled);
        return draft.Describes(journaled) || (IsAnswer(draft.Type) && IsAnswer(journaled.Type) && draft.Job == journaled.Job);
    }

    private static EntryDraft Answered(SiloRun run, PlanAnswerBody answer, Sha256Digest policy)
    {
        EntryDraft draft = EntryDraft.Of(answer.Approved ? EntryTypes.PlanApproved : EntryTypes.PlanRefused, answer.Job)
            .With("config", answer.ConfigSha256)
            .With("initial_model", run.InitialModelSha256)
            .With("policy", policy)
            .With("role", Role);
        return answer.Approved ? draft : draft.With("reason", answer.Reason);
    }

    private static EntryDraft Alarm(RaiseAlarm alarm)
    {
        EntryDraft draft = alarm.Job is { } job ? EntryDraft.Of(EntryTypes.Alarm, job) : EntryDraft.Of(EntryTypes.Alarm);
        return alarm.Evidence
            .Select((hash, i) => (Hash: hash, Number: i + 1))
            .Aggregate(draft.With("code", alarm.Code), (next, evidence) => next.With(string.Create(CultureInfo.InvariantCulture, $"evidence_{evidence.Number}"), evidence.Hash));
    }
}
