// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud keys list|rotate</c>.</summary>
internal static class KeyCommands
{
    private const string Log = "log";
    private const string Proposed = "proposed";

    public static Command Create() => new("keys", "The coordinator's keys.") { List(), Rotate() };

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
        Argument<string> key = new("KEY") { Description = "The key: log. The other keys cannot be rotated yet." };
        key.AcceptOnlyFromAmong(Log);
        Option<bool> lost = new("--lost") { Description = "The key in use was lost or stolen: it signs no more as soon as the members have signed. Else both sign for 7 days." };
        Option<bool> json = Invocation.Json();
        Command command = new("rotate", "Makes a new version of the log's key, and asks the members to sign a roster with it.") { key, lost, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using CoordinatorClient client = CoordinatorClient.FromEnvironment();
            KeyList keys = await client.ChangeLogKeyAsync(parsed.GetValue(lost), cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(keys, ApiJson.Default.KeyList));
                return (int)ExitCode.Done;
            }

            KeySummary proposed = keys.Keys.LastOrDefault(version => string.Equals(version.Status, Proposed, StringComparison.Ordinal))
                ?? keys.Keys.Last(version => string.Equals(version.Key, Log, StringComparison.Ordinal));
            Console.WriteLine($"New log key {proposed.SpkiSha256}. Tell every administrator this fingerprint over another channel: each puts it into the policy as confirmed_log_key, signs the policy, and restarts the agent. Follow it with 'fedcloud keys list'.");
            return (int)ExitCode.Done;
        });
        return command;
    }
}
