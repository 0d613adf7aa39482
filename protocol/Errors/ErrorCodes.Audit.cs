// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A signed note does not have the form of C2SP signed-note.</summary>
    public static ErrorCode NoteMalformed { get; } = new(
        "note_malformed",
        ExitCode.VerificationFailed,
        "a signed note has another form than its text, an empty line and signature lines, or is too large",
        "fetch the file again; do not trust its text");

    /// <summary>A verifier key's id does not belong to its key.</summary>
    public static ErrorCode NoteKeyId { get; } = new(
        "note_key_id",
        ExitCode.VerificationFailed,
        "the key id in a verifier key is not the one that its key has",
        "copy the verifier key again from where it was pinned");

    /// <summary>A line of a known key does not verify.</summary>
    public static ErrorCode NoteSignatureInvalid { get; } = new(
        "note_signature_invalid",
        ExitCode.VerificationFailed,
        "a signature line names a known key, and its signature does not verify",
        "do not trust the note; keep it as evidence");

    /// <summary>No known key signed a note.</summary>
    public static ErrorCode NoteUnsigned { get; } = new(
        "note_unsigned",
        ExitCode.VerificationFailed,
        "no signature line of a note is of a known key, or one that is required is missing",
        "check which verifier keys are pinned");

    /// <summary>A note's text is not a checkpoint.</summary>
    public static ErrorCode CheckpointMalformed { get; } = new(
        "checkpoint_malformed",
        ExitCode.VerificationFailed,
        "the text of a checkpoint is not origin, size and root",
        "fetch the file again; do not trust it");

    /// <summary>A checkpoint is of another log.</summary>
    public static ErrorCode CheckpointOrigin { get; } = new(
        "checkpoint_origin",
        ExitCode.VerificationFailed,
        "a checkpoint has another origin or size than its place says",
        "check that the file belongs to this log");

    /// <summary>A proof file does not have the form of C2SP tlog-proof.</summary>
    public static ErrorCode ProofMalformed { get; } = new(
        "proof_malformed",
        ExitCode.VerificationFailed,
        "a proof does not have the form of C2SP tlog-proof, version 1",
        "fetch the proof again");

    /// <summary>An inclusion proof does not lead to the root.</summary>
    public static ErrorCode InclusionFailed { get; } = new(
        "inclusion_failed",
        ExitCode.VerificationFailed,
        "an inclusion proof does not lead from the entry to the root",
        "treat the entry as not logged");

    /// <summary>Two checkpoints are not of one history.</summary>
    public static ErrorCode ConsistencyFailed { get; } = new(
        "consistency_failed",
        ExitCode.VerificationFailed,
        "two checkpoints of one log are not of one history",
        "keep both as evidence of a fork, and send them to all silos");

    /// <summary>A tile has another length than its path says.</summary>
    public static ErrorCode TileMalformed { get; } = new(
        "tile_malformed",
        ExitCode.VerificationFailed,
        "a tile has another length than its path says",
        "fetch the tile again");

    /// <summary>A tile differs from what the entries give.</summary>
    public static ErrorCode TileMismatch { get; } = new(
        "tile_mismatch",
        ExitCode.VerificationFailed,
        "a tile or a bundle holds other bytes than the entries give",
        "the file was changed; compare it with another copy of the log");

    /// <summary>A bundle of entries cannot be read.</summary>
    public static ErrorCode BundleMalformed { get; } = new(
        "bundle_malformed",
        ExitCode.VerificationFailed,
        "a bundle of entries has another form or number of entries than its path says",
        "fetch the bundle again");

    /// <summary>The entries do not give a checkpoint's root.</summary>
    public static ErrorCode RootMismatch { get; } = new(
        "root_mismatch",
        ExitCode.VerificationFailed,
        "the entries do not give the root of a checkpoint",
        "an entry or the checkpoint was changed; compare them with another copy of the log");

    /// <summary>A file of the log is missing.</summary>
    public static ErrorCode LogFileMissing { get; } = new(
        "log_file_missing",
        ExitCode.VerificationFailed,
        "a file that the log must have is missing",
        "export the log again");

    /// <summary>An entry is empty or too large.</summary>
    public static ErrorCode EntryTooLarge { get; } = new(
        "entry_too_large",
        ExitCode.VerificationFailed,
        "an entry of the log is empty or has more than 65,535 bytes",
        "log larger evidence by its hash");

    /// <summary>An entry has an unknown type.</summary>
    public static ErrorCode EntryTypeUnknown { get; } = new(
        "entry_type_unknown",
        ExitCode.VerificationFailed,
        "an entry of the log has a type that the table of types does not have",
        "check that both sides run the same version");

    /// <summary>An entry breaks the rules of its type.</summary>
    public static ErrorCode EntryMalformed { get; } = new(
        "entry_malformed",
        ExitCode.VerificationFailed,
        "an entry of the log lacks a member of its type, or has one that its type does not know",
        "check that both sides run the same version");

    /// <summary>An entry is signed by the wrong actor.</summary>
    public static ErrorCode EntrySigner { get; } = new(
        "entry_signer",
        ExitCode.VerificationFailed,
        "an entry of the log is signed by an actor or a key that may not sign it there",
        "do not trust the entry; ask its actor");

    /// <summary>An actor's entries have a gap or a repeat.</summary>
    public static ErrorCode EntrySequence { get; } = new(
        "entry_sequence",
        ExitCode.VerificationFailed,
        "the numbers of one actor's entries have a gap or a repeat",
        "ask the actor for its journal; an entry was withheld or doubled");

    /// <summary>The federation is closed.</summary>
    public static ErrorCode LogClosed { get; } = new(
        "log_closed",
        ExitCode.Refused,
        "the federation is closed, and its log takes exports, accesses and retired keys only",
        "start a new federation");

    /// <summary>A file of the log exists with other bytes.</summary>
    public static ErrorCode LogConflict { get; } = new(
        "log_conflict",
        ExitCode.Failed,
        "a file that the log writer was to create exists with other bytes",
        "stop the log and compare both; another writer may be running");

    /// <summary>The log has no entries yet.</summary>
    public static ErrorCode LogEmpty { get; } = new(
        "log_empty",
        ExitCode.NotSetUp,
        "the log has no entries yet",
        "repeat the command when the silos have signed the first roster");

    /// <summary>Another process writes the log.</summary>
    public static ErrorCode LogLeaseLost { get; } = new(
        "log_lease_lost",
        ExitCode.Unreachable,
        "this process is not the log's writer any more",
        "run one coordinator only; this one goes on when the other has ended");

    /// <summary>A log is not what a witness saw before.</summary>
    public static ErrorCode LogFork { get; } = new(
        "log_fork",
        ExitCode.VerificationFailed,
        "a log shows another first entry, or another root for a size, than it showed before",
        "keep both checkpoints as evidence, and send them to all silos");

    /// <summary>The log cannot be followed now.</summary>
    public static ErrorCode LogUnread { get; } = new(
        "log_unread",
        ExitCode.Unreachable,
        "what the silo wants to log has to wait until it has read the log, which it cannot yet",
        "wait until the federation has its first roster; then check that the containers 'log' and 'log-head' can be read");

    /// <summary>A checkpoint is older than one seen before.</summary>
    public static ErrorCode CheckpointOlder { get; } = new(
        "checkpoint_older",
        ExitCode.VerificationFailed,
        "a checkpoint is smaller than one of the same log that was accepted before",
        "fetch the newest checkpoint; if it is still smaller, the log was cut");

    /// <summary>A checkpoint lacks witness lines where they are required.</summary>
    public static ErrorCode WitnessLinesMissing { get; } = new(
        "witness_lines_missing",
        ExitCode.VerificationFailed,
        "no checkpoint with enough witness lines lies where the rules require one",
        "treat what follows as not witnessed; ask the witnesses");

    /// <summary>The entries of a round do not fit together.</summary>
    public static ErrorCode RoundEvidence { get; } = new(
        "round_evidence",
        ExitCode.VerificationFailed,
        "the entries of a round are missing, doubled, out of order, or do not fit each other",
        "treat the round as not proven");

    /// <summary>A privacy ledger has two histories.</summary>
    public static ErrorCode LedgerBranch { get; } = new(
        "ledger_branch",
        ExitCode.VerificationFailed,
        "two entries of one privacy ledger follow the same head",
        "stop the silo's jobs; a ledger was copied or restored");

    /// <summary>A privacy ledger has a gap.</summary>
    public static ErrorCode LedgerGap { get; } = new(
        "ledger_gap",
        ExitCode.VerificationFailed,
        "the entries of a privacy ledger do not form one chain, or a head is not in it",
        "ask the silo for its ledger");

    /// <summary>A masked update was not charged.</summary>
    public static ErrorCode ChargeMissing { get; } = new(
        "charge_missing",
        ExitCode.VerificationFailed,
        "a masked update of a job with a privacy claim has no charge before it, or its ledger head does not fit the plan",
        "treat the privacy claim of the round as broken");

    /// <summary>The log key changed against the rules.</summary>
    public static ErrorCode LogKeyChange { get; } = new(
        "log_key_change",
        ExitCode.VerificationFailed,
        "the log key changed without its roster, to a key that the roster does not name, or without the signatures that the change needs",
        "do not trust checkpoints of the new key");

    /// <summary>The log's last change of key is not over.</summary>
    public static ErrorCode LogKeyPending { get; } = new(
        "log_key_pending",
        ExitCode.Failed,
        "the log is getting another key already, or both keys still sign after a rotation",
        "see 'fedcloud keys list' for how far it is; a key that was lost or stolen is replaced with --lost");

    /// <summary>Times run backwards.</summary>
    public static ErrorCode LogTimeBackwards { get; } = new(
        "log_time_backwards",
        ExitCode.VerificationFailed,
        "an actor's times run backwards by more than 5 minutes",
        "check the actor's clock");

    /// <summary>An entry looks as if it held personal data or a secret.</summary>
    public static ErrorCode DisclosureFound { get; } = new(
        "disclosure_found",
        ExitCode.VerificationFailed,
        "an entry of the log has text that looks like personal data or a secret",
        "treat it as an incident; an entry cannot be removed from the log");

    /// <summary>A silo went on in an epoch that its start had ended.</summary>
    public static ErrorCode StartDiscontinuous { get; } = new(
        "start_discontinuous",
        ExitCode.VerificationFailed,
        "a silo without proof of continuity masked in an epoch that was open before its start",
        "stop the silo's jobs; its slots may have been used twice");

    /// <summary>A draw of groups breaks the rules.</summary>
    public static ErrorCode DrawInvalid { get; } = new(
        "draw_invalid",
        ExitCode.VerificationFailed,
        "a draw of groups is the fourth of a roster, is incomplete, or a reveal does not fit its commitment",
        "treat the groups as chosen by the operator");

    /// <summary>Unexpected code was deployed.</summary>
    public static ErrorCode ImageUnexpected { get; } = new(
        "image_unexpected",
        ExitCode.VerificationFailed,
        "a deployed image is not among those that the policy expects",
        "stop; deploy the last attested image");

    /// <summary>Evidence cannot be read.</summary>
    public static ErrorCode EvidenceUnusable { get; } = new(
        "evidence_unusable",
        ExitCode.Unusable,
        "an evidence bundle cannot be read, or holds names or sizes that its layout does not have",
        "export the evidence again; docs/audit.md describes the layout");

    /// <summary>An auditor's policy cannot be used.</summary>
    public static ErrorCode AuditPolicyMalformed { get; } = new(
        "audit_policy_malformed",
        ExitCode.Unusable,
        "an auditor's policy file is missing or has another form than docs/audit.md says",
        "correct the file; docs/audit.md has an example");

    /// <summary>A file is there that the log does not have.</summary>
    public static ErrorCode LogFileUnexpected { get; } = new(
        "log_file_unexpected",
        ExitCode.VerificationFailed,
        "a file belongs to no archived checkpoint of the log",
        "a checkpoint was removed, or the file was added; compare it with another copy of the log");

    /// <summary>A file holds another text than its place says.</summary>
    public static ErrorCode EvidenceMismatch { get; } = new(
        "evidence_mismatch",
        ExitCode.VerificationFailed,
        "a file of the evidence holds other content than its name or the log says",
        "the file was changed; ask for it again");

    /// <summary>A public key is missing.</summary>
    public static ErrorCode PublicKeyMissing { get; } = new(
        "public_key_missing",
        ExitCode.VerificationFailed,
        "the evidence lacks a public key that signed something in it",
        "ask for the key; its SHA-256 is the fingerprint in the roster");

    /// <summary>One key signed two things of which it may sign one.</summary>
    public static ErrorCode SignedTwice { get; } = new(
        "signed_twice",
        ExitCode.VerificationFailed,
        "one silo signed two different bodies where the rules allow one",
        "treat the silo's key as stolen or its agent as dishonest");

    /// <summary>A key change names keys that no roster has.</summary>
    public static ErrorCode KeyChangeUnknown { get; } = new(
        "key_change_unknown",
        ExitCode.VerificationFailed,
        "an entry about keys names an old or a new key that the rosters do not have in that role",
        "ask the operator which keys changed");

    /// <summary>Nothing in the evidence allows the check.</summary>
    public static ErrorCode NotRecomputed { get; } = new(
        "not_recomputed",
        ExitCode.Done,
        "the evidence lacks what this check recomputes, so nothing is said about it",
        "ask for the missing files if you need this check");

    /// <summary>Something was taken from the evidence itself.</summary>
    public static ErrorCode NotPinned { get; } = new(
        "not_pinned",
        ExitCode.Done,
        "no policy pins the first log key and the first roster, so they were taken from the evidence itself",
        "pass --policy with the values that you got over another channel");
}
