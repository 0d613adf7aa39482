// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cli.Audit;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud audit verify|show|export|report|kat</c>.</summary>
internal static class AuditCommands
{
    public static Command Create() => new("audit", "The tamper-evident log: verify it, read it, export it, report on it.") { Verify(), Show(), Export(), ReportCommand.Create(), KatCommand.Create() };

    private static Command Verify()
    {
        Option<string?> bundle = Bundle();
        Option<string?> policy = new("--policy") { Description = "What you pin: first log key, first roster, witnesses, images; docs/audit.md has an example." };
        Option<string?> note = new("--note") { Description = "A signed note, of this or any other log." };
        Option<string?> proof = new("--proof") { Description = "A tlog-proof, of this or any other log; needs --entry." };
        Option<string?> entry = new("--entry") { Description = "The file whose bytes are the entry that --proof is about." };
        Option<string[]> keys = new("--vkey") { Description = "A verifier key 'name+id+key' that you trust; may be given several times." };
        Option<bool> json = new("--json") { Description = "Print one JSON line for each finding, and one for the verdict." };
        Command command = new("verify", "Verifies the coordinator's log, or, without any network, a copy of a log, a note, or a proof.") { bundle, policy, note, proof, entry, keys, json };
        command.SetAction(async (parsed, cancellation) => (parsed.GetValue(bundle), parsed.GetValue(note), parsed.GetValue(proof)) switch
        {
            (var path, null, null) => await VerifyBundleAsync(path, parsed.GetValue(policy), parsed.GetValue(json), cancellation),
            (null, { } path, null) => VerifyNote(path, Keys(parsed.GetValue(keys)), parsed.GetValue(json)),
            (null, null, { } path) => VerifyProof(path, parsed.GetValue(entry), Keys(parsed.GetValue(keys)), parsed.GetValue(json)),
            _ => throw new FedCloudException(ErrorCodes.RequestMalformed, "expected at most one of --bundle, --note and --proof", "see fedcloud audit verify --help"),
        });
        return command;
    }

    private static Command Show()
    {
        Option<string?> bundle = Bundle();
        Option<string?> type = new("--type") { Description = "Entries of this type." };
        Option<string?> actor = new("--actor") { Description = "Entries of this silo, or of this kind: silo, admin, coordinator." };
        Option<string?> job = new("--job") { Description = "Entries of this run." };
        Option<int?> round = new("--round") { Description = "Entries of this round." };
        Option<string?> from = new("--from") { Description = "The first index or time to show." };
        Option<string?> to = new("--to") { Description = "The last index or time to show." };
        Option<bool> json = new("--json") { Description = "Print one JSON line for each entry." };
        Command command = new("show", "Prints entries of the coordinator's log, or of a copy, as they are, without verifying them.") { bundle, type, actor, job, round, from, to, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            EntryFilter filter = new()
            {
                Query = new EntryQuery { Type = parsed.GetValue(type), Actor = parsed.GetValue(actor), Job = parsed.GetValue(job), Round = parsed.GetValue(round) },
                From = parsed.GetValue(from),
                To = parsed.GetValue(to),
            };
            filter.Require();
            await ShowAsync(parsed.GetValue(bundle), filter, parsed.GetValue(json), cancellation);
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Option<string?> Bundle() => new("--bundle") { Description = "The evidence: a zip, or a folder of the same layout (docs/audit.md). Without it the coordinator that FEDCLOUD_URL names is asked." };

    private static Command Export()
    {
        Option<string> output = new("--out") { Description = "The zip to write.", Required = true };
        Option<string> recipient = new("--recipient") { Description = "The role that it is for, as 'auditor'; the log says so.", DefaultValueFactory = _ => "auditor" };
        Option<bool> sums = new("--sums") { Description = "Pack masked vectors and revealed secrets too, from which an outsider recomputes every sum; large." };
        Command command = new("export", "Writes the log, the rosters and the coordinator's public keys into a zip that an outsider can verify.") { output, recipient, sums };
        command.SetAction(async (parsed, cancellation) =>
        {
            string path = parsed.GetValue(output) ?? string.Empty;
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            await client.EvidenceAsync(path, parsed.GetValue(sums), parsed.GetValue(recipient), cancellation);
            Console.WriteLine($"{path}: {new FileInfo(path).Length} bytes. Verify with: fedcloud audit verify --bundle {path}");
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static async Task<int> VerifyBundleAsync(string? path, string? policyPath, bool json, CancellationToken cancellation)
    {
        AuditPolicy? policy = policyPath is null ? null : AuditPolicy.Parse(EvidenceFiles.Read(policyPath, AuditPolicy.MaxBytes));
        using IEvidenceSource source = await EvidenceFiles.OpenAsync(path, cancellation);
        VerificationReport report = await EvidenceFiles.VerifyAsync(source, policy, cancellation);
        IEnumerable<string> lines = json
            ? [.. report.Findings.Select(finding => finding.ToJson()), JsonSerializer.Serialize(VerificationDocument.Of(report), AuditJson.Default.VerificationDocument)]
            : VerificationText.Lines(report);
        foreach (string line in lines)
        {
            Console.WriteLine(line);
        }

        return (int)report.Exit;
    }

    private static int VerifyNote(string path, ImmutableArray<NoteKey> keys, bool json)
    {
        SignedNote note = SignedNote.Parse(EvidenceFiles.Read(path, SignedNote.MaxBytes));
        ImmutableArray<NoteKey> signers = note.Verify(keys);
        PrintNote(signers, TryCheckpoint(note), index: null, json);
        return (int)ExitCode.Done;
    }

    private static int VerifyProof(string path, string? entry, ImmutableArray<NoteKey> keys, bool json)
    {
        if (entry is null)
        {
            throw new FedCloudException(ErrorCodes.RequestMalformed, "expected --entry beside --proof: a proof does not hold the entry that it is about", "pass --entry with the file of the entry's bytes");
        }

        TlogProof proof = TlogProof.Parse(EvidenceFiles.Read(path, SignedNote.MaxBytes));
        (Checkpoint checkpoint, ImmutableArray<NoteKey> signers) = proof.Verify(EvidenceFiles.Read(entry, int.MaxValue), keys);
        PrintNote(signers, checkpoint, proof.Index, json);
        return (int)ExitCode.Done;
    }

    private static ImmutableArray<NoteKey> Keys(string[]? keys) => keys is { Length: > 0 }
        ? [.. keys.Select(NoteKey.Parse)]
        : throw new FedCloudException(ErrorCodes.RequestMalformed, "expected at least one --vkey: a note says nothing without a key that you trust", "pass --vkey with the verifier key");

    private static Checkpoint? TryCheckpoint(SignedNote note)
    {
        try
        {
            return Checkpoint.Parse(note.Text);
        }
        catch (FedCloudException)
        {
            return null;
        }
    }

    private static void PrintNote(ImmutableArray<NoteKey> signers, Checkpoint? checkpoint, long? index, bool json)
    {
        if (json)
        {
            NoteDocument document = new(Verified: true, [.. signers.Select(key => key.VKey)], checkpoint?.Origin, checkpoint?.Size, checkpoint?.Root.ToBase64(), index);
            Console.WriteLine(JsonSerializer.Serialize(document, AuditJson.Default.NoteDocument));
            return;
        }

        string what = index is { } at ? $"Entry {at} is in the log." : "The note is signed.";
        string says = checkpoint is null ? string.Empty : $" It says: {checkpoint.Origin}, {checkpoint.Size} entries, root {checkpoint.Root.ToBase64()}.";
        Console.WriteLine(Printable($"{what}{says} Signed by {string.Join(", ", signers.Select(key => $"{key.Name}+{key.Id:x8}"))}."));
    }

    // Names of foreign logs may hold anything but line breaks; a terminal must not obey them.
    private static string Printable(string text) => string.Concat(text.Select(c => c is >= ' ' and <= '~' ? c : '?'));

    private static async Task ShowAsync(string? path, EntryFilter filter, bool json, CancellationToken cancellation)
    {
        using IEvidenceSource source = await EvidenceFiles.OpenAsync(path, cancellation);
        await foreach ((long index, byte[] bytes) in EvidenceEntries.ReadAsync(source, cancellation))
        {
            LogEntry entry = LogEntry.Parse(bytes);
            if (filter.Takes(index, entry))
            {
                Console.WriteLine(json ? EntryLine.AsJson(index, bytes) : EntryLine.ForPeople(index, entry));
            }
        }
    }
}
