// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud keys list|rotate</c>.</summary>
internal static class KeyCommands
{
    private const string Log = "log";
    private const string Wrapping = "wrapping";
    private const string Retiring = "retiring";
    private const string Proposed = "proposed";

    public static Command Create() => new("keys", "The coordinator's keys.") { List(), Rotate(), Drill() };

    private static Command List()
    {
        Option<bool> json = Invocation.Json();
        Command command = new("list", "Lists the versions of the coordinator's keys with the fingerprints to confirm over another channel.") { json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            KeyList keys = await client.KeysAsync(cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(keys, ApiJson.Default.KeyList));
                return (int)ExitCode.Done;
            }

            foreach (KeySummary key in keys.Keys)
            {
                string until = key.Until is { } end ? string.Create(CultureInfo.InvariantCulture, $" until {end.UtcDateTime:yyyy-MM-dd HH:mm} UTC") : string.Empty;
                Console.WriteLine($"{key.Key,-9} {key.Status.Replace('_', ' ') + until,-32} {key.SpkiSha256}  {key.Kid}");
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Rotate()
    {
        Argument<string> key = new("KEY") { Description = "The key: log, or wrapping, for which silos encrypt their uploads. The key of the coordinator's messages cannot be rotated yet." };
        key.AcceptOnlyFromAmong(Log, Wrapping);
        Option<bool> lost = new("--lost") { Description = "The version in use was lost or stolen. A log key then signs no more as soon as the members have signed (else both sign for 7 days); a wrapping key unwraps no more at once, and silos encrypt again (else it does for 14 days)." };
        Option<bool> json = Invocation.Json();
        Command command = new("rotate", "Makes a new version of a key. For the log's key the members are asked to sign a roster with it; the wrapping key is taken into use at once.") { key, lost, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            string rotated = parsed.GetRequiredValue(key);
            KeyList keys = await client.RotateKeyAsync(rotated, parsed.GetValue(lost), cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(keys, ApiJson.Default.KeyList));
                return (int)ExitCode.Done;
            }

            if (string.Equals(rotated, Wrapping, StringComparison.Ordinal))
            {
                Console.WriteLine(WrappingText(keys));
                return (int)ExitCode.Done;
            }

            KeySummary proposed = keys.Keys.LastOrDefault(version => string.Equals(version.Status, Proposed, StringComparison.Ordinal))
                ?? keys.Keys.Last(version => string.Equals(version.Key, Log, StringComparison.Ordinal));
            Console.WriteLine($"New log key {proposed.SpkiSha256}. Tell every administrator this fingerprint over another channel: each puts it into the policy as confirmed_log_key, signs the policy, and restarts the agent. Follow it with 'fedcloud keys list'.");
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Drill()
    {
        Argument<string?> name = new("NAME") { Description = "The row of the playbook that was rehearsed. Without one, the rows are listed.", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> report = new("--report") { Description = "The file that says what was done and seen; its SHA-256 goes into the log, and the file stays here." };
        Option<bool> failed = new("--failed") { Description = "It did not go as the playbook says." };
        Option<bool> json = Invocation.Json();
        Command command = new("drill", "Lists what to do when a key is lost or stolen, and records in the log that it was rehearsed.") { name, report, failed, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(name) is not { } rehearsed)
            {
                Console.WriteLine(parsed.GetValue(json) ? JsonSerializer.Serialize([.. CompromiseDrill.All], CliJson.Default.CompromiseDrillArray) : PlaybookText());
                return (int)ExitCode.Done;
            }

            string path = parsed.GetValue(report) ?? throw new FedCloudException(ErrorCodes.RequestMalformed, "expected --report with the drill's report, found none");
            if (!File.Exists(path))
            {
                throw new FedCloudException(ErrorCodes.FileMissing, "expected the drill's report, found no file");
            }

            Sha256Digest sha256 = Sha256Digest.Of(await File.ReadAllBytesAsync(path, cancellation));
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            await client.RecordDrillAsync(rehearsed, sha256, !parsed.GetValue(failed), cancellation);
            string result = parsed.GetValue(failed) ? CompromiseDrill.Failed : CompromiseDrill.Passed;
            Console.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(new DrillDocument(rehearsed, result, sha256), CliJson.Default.DrillDocument)
                : $"The log records the drill {rehearsed} as {result}, with the report {sha256}. Keep the report: find the entry with 'fedcloud audit show --type access'.");
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static string PlaybookText() => string.Join('\n', CompromiseDrill.All.Select(drill => $"{drill.Name}\n  stolen or lost: {drill.Stolen}\n  what to do:     {drill.Action}"));

    private static string WrappingText(KeyList keys)
    {
        KeySummary[] versions = [.. keys.Keys.Where(version => string.Equals(version.Key, Wrapping, StringComparison.Ordinal))];
        string before = versions.LastOrDefault(version => string.Equals(version.Status, Retiring, StringComparison.Ordinal)) is { Until: { } until }
            ? string.Create(CultureInfo.InvariantCulture, $"The one before it unwraps until {until.UtcDateTime:yyyy-MM-dd HH:mm} UTC.")
            : "No other version unwraps any more: silos encrypt again what is on its way.";
        return $"New wrapping key {versions[^1].SpkiSha256}, which silos use as soon as the log has it. {before} Nobody has to do anything.";
    }
}
