// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Document;

namespace FedCloud.Cli.Reports.Risks;

/// <summary>The threats of FedCloud's threat model with what this version does about them, and the limits that remain. The same for every run.</summary>
internal static class ThreatRegister
{
    /// <summary>The threats.</summary>
    public static ImmutableArray<Threat> Threats { get; } =
    [
        new("T1", "The coordinator reconstructs records from an update", "Secure aggregation: only the sum over at least t silos is opened. In plain mode the coordinator can open single updates."),
        new("T2", "Somebody tells from the model whether a record was in it", "Differential privacy where the plan claims it, with a bound on such tests; without a claim there is no bound."),
        new("T3", "The coordinator lies about who dropped out", "Silos sign one list for each round before they reveal shares, and reveal for a silo one kind of share only."),
        new("T4", "Different silos get different models", "A round's identity contains the model's hash, and the log names it before anybody trains."),
        new("T5", "An invented silo, or an exchanged key", "Members sign the roster; every message and entry is verified with a roster's keys."),
        new("T6", "Messages are replayed, doubled or reordered", "State machines by round, silo and type; a message counts once."),
        new("T7", "A mask is used twice", "A journal on disk before anything is sent, the same bytes when it is sent again, open slots burned at a start without proof of continuity."),
        new("T8", "Masks can be guessed", "Keys of 256 bits, AES-256 in counter mode, a label of its own for every derivation."),
        new("T9", "A silo poisons the model", "Updates are clipped, the sum is checked, and a sum whose norm is too large is refused. Backdoors within these bounds are not found; rules over groups of silos are not part of this version."),
        new("T10", "A silo floods the sum", "The sum's bounds and norm are checked, and the round is refused. Which silo it was does not show."),
        new("T11", "A silo contributes nothing", "Not found in this version: a masked update hides what is in it. Under a privacy claim each update is charged in the silo's ledger all the same."),
        new("T12", "The coordinator's code is changed", "Aggregation can be recomputed bit for bit from exported evidence; the log names digests of deployed code where a deployment was recorded."),
        new("T13", "Broker or storage are compromised", "Signatures from end to end, encrypted uploads, digests on everything that is fetched."),
        new("T14", "Parties are shown different logs", "Every silo witnesses the log, and sends no update before enough witnesses signed a checkpoint with the round's start."),
        new("T15", "A privacy ledger is rolled back or bypassed", "A reserve must be in the witnessed log before it is charged, a charge before the update leaves; after a start without continuity what was reserved counts as spent."),
        new("T16", "Noise leaks through floating-point numbers", "Noise in whole numbers on a grid, from a cryptographic generator."),
        new("T17", "A model file carries code", "Safetensors only; nothing in a file is executed."),
        new("T18", "A model file is malformed", "Strict reading with limits on header, names, shapes and offsets; no infinite or undefined numbers."),
        new("T19", "Bodies are far too large", "No archives on the wire; lengths are known before reading, and a stream is stopped at its limit."),
        new("T20", "Names lead out of their folder", "The coordinator makes blob names; ids have one narrow alphabet."),
        new("T21", "A dependency is exchanged", "Locked package versions; the plan names the base model by its hash."),
        new("T22", "One signature, two meanings of a text", "Signed bytes are verified first, and must be their own canonical form."),
        new("T23", "An insider weakens privacy or changes the plan", "Administrators sign policies and limits with keys of their own; each silo approves the hash of the whole plan."),
        new("T24", "Secrets in histories or logs", "Orchestrations hold references and digests only; entries of the log have no free text."),
        new("T25", "A round is run again without one silo", "A silo agrees once for each round, over all attempts; a later round from the same model needs a new charge or burned slots."),
        new("T26", "A crafted model isolates one silo's update", "Each round starts from the chain of models in the log; silos recompute it."),
        new("T27", "Losses, progress, votes or gates leak", "Under a privacy claim a silo sends nothing that depends on its records but its update; without one, losses leave only where plan and policy allow it."),
        new("T28", "Noise in shares is less than claimed", "Only the shares of honest silos that must remain are counted; noise is drawn exactly."),
        new("T29", "The operator picks groups of silos", "This version builds no groups."),
        new("T30", "A silo blocks its own removal", "A removed silo's signature is not needed; a member signs one roster for each version."),
        new("T31", "A new witness is shown a fork", "A witness without state recomputes the log from its first entry, which must be the roster that it pinned."),
        new("T32", "A thief of the log's key makes it his own", "Only a roster signed by members changes the log's key; wrapping keys count only from the log."),
        new("T33", "A fresh privacy budget by copying data", "A local digest of every record, one ledger for each data set, and a verifier that finds two histories of one ledger."),
        new("T34", "One message in other bytes", "A message is known by what is signed, not by its envelope's bytes."),
        new("T35", "Forged frames; crashes while the log is written", "Frames have no authority, only signed bodies have; a batch of the log is recorded before it is written, and repeated as it was."),
    ];

    /// <summary>The limits.</summary>
    public static ImmutableArray<ReportLimit> Limits { get; } =
    [
        new("Sum", "Secure aggregation hides single updates, not the sum."),
        new("Small federations", "At n = 3 no drop is tolerated, and one colluding silo leaves two honest inputs in the sum."),
        new("Poisoning against privacy", "Robust rules need sums of groups, which shrinks the set that hides a silo to its group. This version has no groups: only the checks on the sum and the aggregate-norm gate are there."),
        new("Differencing", "Rounds from different models with almost the same members still tell something about the difference. A stable cohort, a minimum cohort and differential privacy limit it."),
        new("Stored vectors", "Whoever breaks P-256 in the future opens single inputs from stored vectors, seeds and public keys. Vectors are deleted when the audit window ends; copies made before are not."),
        new("Metrics", "Under a privacy claim no metric of a single silo on private data exists. Without one, reports say 'no differential privacy'."),
        new("Availability", "One silo can stall an epoch; fewer than t witness lines stall a round."),
        new("Review", "Secure aggregation differs from the published protocol where its specification says so, and that variant, like the form of the witness lines, awaits outside review."),
    ];
}
