// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.Audit;

namespace FedCloud.Benchmarks;

/// <summary>A synthetic log with real signatures: appends a second, and the time and memory that its verification takes.</summary>
internal static class AuditLogSpeed
{
    private const int Members = 4;
    private const int Witnesses = 3;

    /// <summary>Writes a log into a temporary folder and verifies it in processes of their own.</summary>
    public static async Task<int> RunAsync(int entries)
    {
        string folder = Directory.CreateTempSubdirectory("audit").FullName;
        try
        {
            TimeSpan appending = Write(folder, entries);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{entries} entries: appended {entries / appending.TotalSeconds:F0} a second in batches of {LogSequencer.MaxBatchEntries} (sequencer and checkpoint signature, in memory)"));
            Console.WriteLine("verified               seconds  CPU seconds  peak MiB");
            foreach (VerificationDepth depth in new[] { VerificationDepth.Tree, VerificationDepth.Full })
            {
                ProcessStartInfo start = new(Environment.ProcessPath ?? throw new InvalidOperationException("no program"), ["audit-verify", folder, depth.ToString()]) { UseShellExecute = false };
                using Process one = Process.Start(start) ?? throw new InvalidOperationException("the benchmark did not start");
                await one.WaitForExitAsync();
                if (one.ExitCode != 0)
                {
                    return one.ExitCode;
                }
            }

            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Verifies what <see cref="RunAsync"/> wrote.</summary>
    public static async Task<int> VerifyAsync(string folder, VerificationDepth depth)
    {
        using DirectoryEvidence source = new(folder);
        Stopwatch watch = Stopwatch.StartNew();
        VerificationReport report = await EvidenceVerifier.VerifyAsync(source, policy: null, depth);
        double seconds = watch.Elapsed.TotalSeconds;
        using Process self = Process.GetCurrentProcess();
        string what = depth == VerificationDepth.Tree ? "tree, tiles, notes" : "everything";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-21}  {seconds,7:F1}  {self.TotalProcessorTime.TotalSeconds,11:F1}  {self.PeakWorkingSet64 / 1048576.0,8:F0}"));
        foreach (Finding finding in report.Findings.Where(finding => finding.IsFailure).Take(5))
        {
            Console.Error.WriteLine(finding.ToJson());
        }

        return (int)report.Exit;
    }

    private static TimeSpan Write(string folder, int entries)
    {
        AuditFederation federation = new(Members);
        LogState state = LogState.Empty(AuditFederation.Origin);
        Stopwatch appending = new();
        SealedCheckpoint? last = null;
        foreach (LogEntry[] batch in new[] { new[] { federation.RosterEntry() } }.Concat(Enumerable.Range(1, entries - 1).Select(i => Entry(federation, i)).Chunk(LogSequencer.MaxBatchEntries)))
        {
            byte[][] bytes = [.. batch.Select(entry => entry.ToBytes())];
            appending.Start();
            LogStep step = LogSequencer.Step(state, bytes);
            (_, byte[] digest) = step.Prepare(last?.Checkpoint);
            last = step.Seal((federation.LogKey, federation.Log.SignHash(digest)));
            appending.Stop();
            state = step.After;
            WriteFiles(folder, federation, step, last);
        }

        Put(folder, EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Head), last?.Archive.Bytes ?? default);
        foreach ((int version, RosterBundle bundle) in federation.Bundles())
        {
            Put(folder, EvidenceLayout.Roster(version), bundle.ToJson());
        }

        VerificationKey coordinator = VerificationKey.Of(federation.CoordinatorKey);
        Put(folder, EvidenceLayout.Key(coordinator.Fingerprint), coordinator.Spki.ToArray());
        return appending.Elapsed;
    }

    private static LogEntry Entry(AuditFederation federation, int i) => (i % (Members + 1)) switch
    {
        0 => federation.Access($"read_{i}"),
        int silo => federation.Alarm(silo, $"alarm_{i}"),
    };

    private static void WriteFiles(string folder, AuditFederation federation, LogStep step, SealedCheckpoint checkpoint)
    {
        foreach (LogWrite file in step.Files.Append(checkpoint.Archive))
        {
            Put(folder, EvidenceLayout.Of(file.Container, file.Path), file.Bytes);
        }

        foreach (AuditFederation.Member member in federation.Members.Take(Witnesses))
        {
            NoteSignature line = WitnessLine.Of(member.WitnessKey, member.Witness.SignHash(WitnessLine.Digest(checkpoint.Note), DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
            LogWrite file = WitnessLine.Accept(checkpoint, member.Silo, member.WitnessKey, line);
            Put(folder, EvidenceLayout.Of(file.Container, file.Path), file.Bytes);
        }
    }

    private static void Put(string folder, string path, ReadOnlyMemory<byte> bytes)
    {
        string full = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full) ?? folder);
        File.WriteAllBytes(full, bytes.Span);
    }
}
