// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cli.Api;
using FedCloud.Cli.Azurite;
using FedCloud.Cli.Processes;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Demo;

/// <summary>The processes of a local federation: storage, coordinator, one agent a silo. Disposing it leaves nothing running.</summary>
internal sealed class DemoFederation : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly List<IAsyncDisposable> _processes = [];
    private readonly string _folder;

    private DemoFederation(string folder) => _folder = folder;

    /// <summary>The coordinator's API.</summary>
    public CoordinatorClient Client { get; private set; } = null!;

    /// <summary>The coordinator's address.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>The operator's token.</summary>
    public string Token { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    /// <summary>The agents.</summary>
    public Dictionary<string, ChildProcess> Agents { get; } = new(StringComparer.Ordinal);

    /// <summary>Starts everything and waits until the roster is signed by all silos.</summary>
    /// <param name="folder">A fresh folder.</param>
    /// <param name="silos">The silos.</param>
    /// <param name="plan">The plan that the silos' policies allow.</param>
    /// <param name="report">Takes lines about the set-up.</param>
    /// <param name="agentLine">Takes each line that an agent prints, with its silo.</param>
    /// <param name="cancellation">Stops it.</param>
    public static async Task<DemoFederation> StartAsync(
        string folder, IReadOnlyList<DemoData> silos, RunConfig plan, Action<string> report, Action<string, string> agentLine, CancellationToken cancellation)
    {
        DemoFederation federation = new(folder);
        try
        {
            await federation.StartCoordinatorAsync(report, cancellation);
            await federation.StartSilosAsync(silos, plan, agentLine, cancellation);
            await federation.WaitForRosterAsync(silos.Count, cancellation);
            report($"{silos.Count} silos have signed the roster");
            return federation;
        }
        catch
        {
            await federation.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();

        // Agents first, then the coordinator, then the storage that both use.
        await Task.WhenAll(_processes.OfType<ChildProcess>().Where(process => Agents.ContainsValue(process)).Select(process => process.DisposeAsync().AsTask()));
        foreach (IAsyncDisposable process in Enumerable.Reverse(_processes).Where(process => process is not ChildProcess child || !Agents.ContainsValue(child)))
        {
            await process.DisposeAsync();
        }
    }

    private async Task StartCoordinatorAsync(Action<string> report, CancellationToken cancellation)
    {
        AzuriteProcess storage = await AzuriteProcess.StartAsync(Path.Combine(_folder, "storage"), report, cancellation);
        _processes.Add(storage);
        report($"Storage emulator on {storage.Endpoint.Authority}");
        TaskCompletionSource<Uri> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dictionary<string, string?> environment = new(StringComparer.Ordinal)
        {
            ["FEDCLOUD_FEDERATION"] = "demo-federation",
            ["FEDCLOUD_DATA"] = Path.Combine(_folder, "coordinator"),
            ["FEDCLOUD_STORAGE"] = storage.Endpoint.AbsoluteUri,
            ["FEDCLOUD_STORAGE_ACCOUNT"] = AzuriteProcess.Account,
            ["FEDCLOUD_STORAGE_KEY"] = AzuriteProcess.Key,
            ["FEDCLOUD_TOKEN"] = Token,
            ["FEDCLOUD_PORT"] = "0",
            ["FEDCLOUD_STOP_WITH_INPUT"] = "1",
        };
        ChildProcess coordinator = ChildProcess.Start(
            "coordinator", ProgramFiles.Find("FedCloud.LocalHost", "fedcloud-localhost"), [], environment, Path.Combine(_folder, "coordinator.log"),
            line =>
            {
                if (line.StartsWith("ready ", StringComparison.Ordinal))
                {
                    ready.TrySetResult(new Uri(line["ready ".Length..]));
                }
            });
        _processes.Add(coordinator);
        Task exited = coordinator.WaitAsync(cancellation);
        Task first = await Task.WhenAny(ready.Task, exited, Task.Delay(StartLimit, cancellation));
        cancellation.ThrowIfCancellationRequested();
        if (first != ready.Task)
        {
            throw new FedCloudException(ErrorCodes.ProcessNotStarted, "the coordinator did not become ready", $"look at {Path.Combine(_folder, "coordinator.log")}");
        }

        Address = await ready.Task;
        Client = new CoordinatorClient(Address, Token);
        report($"Coordinator on {Address.Authority}");
    }

    private async Task StartSilosAsync(IReadOnlyList<DemoData> silos, RunConfig plan, Action<string, string> agentLine, CancellationToken cancellation)
    {
        string program = ProgramFiles.Find("FedCloud.SiloAgent", "fedcloud-silo");
        string fullTrainer = ProgramFiles.Find("FedCloud.Trainer", "fedcloud-trainer");
        List<Fingerprints> fingerprints = [];

        // The operator invites, each silo's administrator makes keys; on one machine the demo plays all of these people.
        foreach (DemoData silo in silos)
        {
            string invitation = Path.Combine(_folder, $"invitation-{silo.Name}.json");
            PrivateFile.Write(invitation, await Client.InviteAsync(silo.Name.Value, cancellation));
        }

        foreach (DemoData[] pair in silos.Chunk(Math.Max(1, Environment.ProcessorCount)))
        {
            string[] printed = await Task.WhenAll(pair.Select(silo =>
            {
                string card = Path.Combine(_folder, $"data-card-{silo.Name}.json");
                File.WriteAllBytes(card, DemoDataCard.Of(silo, TimeProvider.System.GetUtcNow()));
                return RunAsync(program, ["init", "--home", HomeOf(silo), "--invitation", Path.Combine(_folder, $"invitation-{silo.Name}.json"), "--data-card", card], silo.Name.Value, cancellation);
            }));
            fingerprints.AddRange(printed.Select(text => JsonSerializer.Deserialize(text, DemoJson.Default.Fingerprints) ?? throw new FedCloudException(ErrorCodes.ProcessNotStarted, "an agent printed no fingerprints")));
        }

        foreach (DemoData[] pair in silos.Chunk(Math.Max(1, Environment.ProcessorCount)))
        {
            await Task.WhenAll(pair.Select(silo =>
            {
                string policy = Path.Combine(_folder, $"policy-{silo.Name}.json");
                File.WriteAllBytes(policy, DemoPolicy.Of(silo, fingerprints, plan));
                return RunAsync(program, ["policy", "sign", "--home", HomeOf(silo), policy], silo.Name.Value, cancellation);
            }));
        }

        foreach (DemoData silo in silos)
        {
            Dictionary<string, string?> environment = new(StringComparer.Ordinal) { ["FEDCLOUD_TRAINER"] = fullTrainer, ["FEDCLOUD_STOP_WITH_INPUT"] = "1" };
            ChildProcess agent = ChildProcess.Start(
                silo.Name.Value, program, ["run", "--home", HomeOf(silo)], environment, Path.Combine(_folder, $"agent-{silo.Name}.log"), line => agentLine(silo.Name.Value, line));
            _processes.Add(agent);
            Agents[silo.Name.Value] = agent;
        }
    }

    private string HomeOf(DemoData silo) => Path.Combine(_folder, "silos", silo.Name.Value);

    private async Task<string> RunAsync(string program, string[] arguments, string name, CancellationToken cancellation)
    {
        List<string> lines = [];
        string log = Path.Combine(_folder, $"agent-{name}.log");
        ChildProcess process = ChildProcess.Start(name, program, arguments, new Dictionary<string, string?>(StringComparer.Ordinal), log, lines.Add);
        await using (process)
        {
            int exit = await process.WaitAsync(cancellation);
            return exit == 0 ? string.Join('\n', lines) : throw new FedCloudException(ErrorCodes.ProcessNotStarted, $"'fedcloud-silo {arguments[0]}' ended with {exit}", $"look at {log}");
        }
    }

    private async Task WaitForRosterAsync(int count, CancellationToken cancellation)
    {
        DateTimeOffset until = DateTimeOffset.UtcNow + StartLimit;
        while (DateTimeOffset.UtcNow < until)
        {
            SiloList silos = await Client.SilosAsync(cancellation);
            if (silos.Silos.Count(silo => string.Equals(silo.Status, "member", StringComparison.Ordinal)) == count)
            {
                return;
            }

            foreach (ChildProcess agent in Agents.Values.Where(agent => agent.HasExited))
            {
                throw new FedCloudException(ErrorCodes.ProcessNotStarted, $"the agent of {agent.Name} ended while the federation was founded", $"look at {Path.Combine(_folder, $"agent-{agent.Name}.log")}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellation);
        }

        throw new FedCloudException(ErrorCodes.RosterMissing, $"the silos did not sign a roster within {StartLimit.TotalSeconds} seconds", $"look at the logs in {_folder}");
    }
}
