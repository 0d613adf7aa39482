// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Nodes;
using FedCloud.Cli.Processes;
using Xunit;

namespace FedCloud.EndToEnd.Tests;

/// <summary>A silo as its administrator runs it: init, policy, agent. The home folder survives its processes.</summary>
internal sealed class SiloOnDisk(string name, string folder) : IAsyncDisposable
{
    private readonly List<string> _lines = [];
    private ChildProcess? _agent;

    public string Name { get; } = name;

    public string Home { get; } = Path.Combine(folder, name);

    /// <summary>What the agent printed.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>Makes home and keys.</summary>
    /// <returns>The fingerprints to confirm to the others.</returns>
    public async Task<JsonObject> InitAsync(string invitation)
    {
        (int exit, string output, string errors) = await Programs.RunAsync(Programs.Silo, new Dictionary<string, string?>(StringComparer.Ordinal), ["init", "--home", Home, "--invitation", invitation]);
        Assert.True(exit == 0, errors);
        return JsonNode.Parse(output)!.AsObject();
    }

    /// <summary>Signs a policy that confirms these members.</summary>
    public async Task AllowAsync(IEnumerable<JsonObject> members, string train, string eval, string? logKey = null)
    {
        JsonObject policy = new()
        {
            ["v"] = 1,
            ["federation"] = "test-federation",
            ["silo_id"] = Name,
            ["train_file"] = train,
            ["eval_file"] = eval,
            ["public_data"] = true,
            ["base_models"] = new JsonArray(),
            ["allow_plain_mode"] = true,
            ["max_rounds"] = 10,
            ["max_local_steps"] = 1000,
            ["min_quorum"] = 2,
            ["from_hour"] = 0,
            ["until_hour"] = 24,
            ["declared_weight"] = 1,
            ["threads"] = 1,
            ["max_memory_mib"] = 0,
            ["disclose_eval_loss"] = true,
            ["confirmed_members"] = new JsonArray([.. members.Select(Confirmed)]),
        };
        if (logKey is not null)
        {
            policy["confirmed_log_key"] = logKey;
        }

        string file = Home + ".policy.json";
        await File.WriteAllTextAsync(file, policy.ToJsonString());
        (int exit, _, string errors) = await Programs.RunAsync(Programs.Silo, new Dictionary<string, string?>(StringComparer.Ordinal), ["policy", "sign", "--home", Home, file]);
        Assert.True(exit == 0, errors);
    }

    /// <summary>Starts the agent, or starts it again.</summary>
    public void Start(IReadOnlyDictionary<string, string?>? variables = null) =>
        _agent = ChildProcess.Start(Name, Programs.Silo, ["run", "--home", Home], variables ?? new Dictionary<string, string?>(StringComparer.Ordinal), Home + ".log", Take);

    /// <summary>Kills the agent as a power cut would.</summary>
    public async Task KillAsync()
    {
        _agent!.Kill();
        await _agent.WaitAsync(CancellationToken.None);
        await _agent.DisposeAsync();
        _agent = null;
    }

    /// <summary>Waits until the agent has printed a line of this phase.</summary>
    public async Task<JsonElement> WaitForAsync(string phase, int? round = null)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(2));
        while (true)
        {
            foreach (string line in Lines)
            {
                JsonElement json = JsonDocument.Parse(line).RootElement;
                bool matches = json.GetProperty("phase").GetString() == phase && (round is null || (json.TryGetProperty("round", out JsonElement number) && number.GetInt32() == round));
                if (matches)
                {
                    return json;
                }
            }

            Assert.False(limit.IsCancellationRequested, $"{Name} did not reach {phase}:\n{string.Join('\n', Lines.TakeLast(30))}");
            await Task.Delay(20, CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_agent is not null)
        {
            await _agent.DisposeAsync();
        }
    }

    private static JsonObject Confirmed(JsonObject fingerprints) => new()
    {
        ["silo_id"] = fingerprints["silo_id"]!.DeepClone(),
        ["ik_spki_sha256"] = fingerprints["ik_spki_sha256"]!.DeepClone(),
        ["witness_spki_sha256"] = fingerprints["witness_spki_sha256"]!.DeepClone(),
        ["admin_spki_sha256"] = fingerprints["admin_spki_sha256"]!.DeepClone(),
    };

    private void Take(string line)
    {
        lock (_lines)
        {
            _lines.Add(line);
        }
    }
}
