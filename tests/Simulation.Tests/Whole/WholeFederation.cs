// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Policies;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>How often things go wrong.</summary>
/// <param name="Request">That a request is lost, or its answer.</param>
/// <param name="Crash">That a party crashes at a request.</param>
/// <param name="Job">That a trainer fails.</param>
/// <param name="Late">That a message is on its way for seconds.</param>
/// <param name="Skew">That a silo's clock is off by more than a round takes.</param>
/// <param name="Newcomer">That the last silo joins when the federation exists already.</param>
/// <param name="Revoke">That the operator removes a silo, at each step.</param>
/// <param name="Cancel">That the operator ends the run, at each step.</param>
/// <param name="Reboot">That a silo's machine is started anew, at each step.</param>
/// <param name="Rotate">That the operator rotates the wrapping key, at each step; half of the times because it is stolen.</param>
internal sealed record WholeFaults(double Request, double Crash, double Job, double Late, double Skew, double Newcomer, double Revoke, double Cancel, double Reboot = 0, double Rotate = 0);

/// <summary>The product's own coordinator and agents, with real keys, signatures, envelopes and files, driven by a seeded scheduler; only storage, clock and trainer are simulated.</summary>
internal sealed partial class WholeFederation : ICoordinatorEvents, IAsyncDisposable
{
    private const int MaxSteps = 5_000;
    private const double KeyLook = 0.05;
    private const string MemoryFolder = "/dev/shm";

    private readonly Random _random;
    private readonly WholeFaults _faults;
    private readonly SimulatedTime _time = new();
    private readonly UnreliableStore _coordinatorStore;
    private readonly string _folder = Directory.CreateTempSubdirectory("simulation").FullName;

    // Where no file system lies in memory every start of an agent is discontinuous.
    private readonly string _memory = Directory.CreateDirectory(Path.Combine(Directory.Exists(MemoryFolder) ? MemoryFolder : Path.GetTempPath(), "simulation-" + Guid.NewGuid().ToString("N"))).FullName;
    private readonly List<string> _refused = [];
    private ISimulatedCoordinator? _coordinator;
    private DurableBackend? _backend;
    private bool _calm;
    private readonly List<ConfirmedMember> _members = [];
    private readonly int _founders;
    private bool _revoked;

    public WholeFederation(int seed, WholeFaults faults, int silos, RunConfig config, IKeyVault? vault = null)
    {
        Vault = vault ?? SharedKeys.Vault;
        _random = new Random(seed);
        _faults = faults;
        Config = config;
        Store = new MemoryBlobStore(_time) { Delay = name => name.Container.StartsWith("mail-", StringComparison.Ordinal) && Chance(faults.Late) ? TimeSpan.FromSeconds(_random.Next(1, 20)) : TimeSpan.Zero };
        _coordinatorStore = new UnreliableStore(Store, () => CoordinatorFault is { } fault && !_calm ? fault() : NextRequest());
        Silos = [.. Enumerable.Range(1, silos).Select(SiloOf)];
        Store.Written = config.Aggregation.IsSecure ? Search.Note : null;
        _founders = Chance(faults.Newcomer) && silos > 2 ? silos - 1 : silos;
    }

    public MemoryBlobStore Store { get; }

    /// <summary>Knows the silos' secrets, and everything that was stored, under secure aggregation.</summary>
    public SecretSearch Search { get; } = new();

    /// <summary>The coordinator's keys.</summary>
    public IKeyVault Vault { get; }

    /// <summary>Says what goes wrong with the coordinator's next request; null for chance.</summary>
    public Func<RequestFault>? CoordinatorFault { get; set; }

    /// <summary>Silos that do nothing until the run is over.</summary>
    public HashSet<SiloId> Away { get; } = [];

    /// <summary>What somebody else does between two steps.</summary>
    public Func<Task>? Meanwhile { get; set; }

    public TimeProvider Time => _time;

    public RunConfig Config { get; }

    /// <summary>What each silo's ledger may spend in all, under a plan with a privacy claim.</summary>
    internal const decimal EpsilonMax = 4;
    internal const long Persons = 500;

    /// <summary>Whether the coordinator is several processes that orchestrations set going; else it is one.</summary>
    public bool IsDurable { get; init; }

    /// <summary>Slots of each epoch.</summary>
    public int EpochSlots { get; init; } = 4;

    public ImmutableArray<SimulatedSilo> Silos { get; }

    public int Steps { get; private set; }

    /// <summary>What goes wrong with a silo's jobs, where a test says so; null for what the schedule's chances say.</summary>
    public Func<SiloId, JobFault>? JobOf { get; set; }

    public int Crashes { get; private set; }

    /// <summary>Everything that the coordinator said of what went wrong.</summary>
    public IReadOnlyList<string> Refused => _refused;

    /// <summary>The coordinator's message key.</summary>
    public async Task<VerificationKey> MessageKeyAsync() => (await CoordinatorAsync()).MessageKey ?? throw new InvalidOperationException("a started coordinator has its key");

    /// <summary>The weight that a silo declares.</summary>
    public long WeightOf(SiloId silo) => 1 + Silos.IndexOf(Silos.First(other => other.Id == silo));

    /// <summary>The silos that were invited.</summary>
    public IEnumerable<SimulatedSilo> Invited => Silos.Take(_members.Count);

    /// <summary>Whatever was refused or said last, for a schedule that fails.</summary>
    public string Story => string.Join('\n', _refused.TakeLast(10).Concat(Silos.SelectMany(silo => silo.Said)));

    /// <summary>From invitations, or from where it stands, to the end of the run, and then until nobody has anything left to do.</summary>
    public async Task RunAsync()
    {
        if (_members.Count == 0)
        {
            await EnrolAsync();
        }

        while (!_calm || !await IsQuietAsync())
        {
            Require(++Steps < MaxSteps, "the run does not end");
            await (Meanwhile?.Invoke() ?? Task.CompletedTask);
            await StepAsync();
        }
    }

    /// <summary>From invitations, or from where it stands, until a condition holds between two steps.</summary>
    public async Task RunUntilAsync(Func<bool> holds)
    {
        if (_members.Count == 0)
        {
            await EnrolAsync();
        }

        while (!holds())
        {
            Require(++Steps < MaxSteps, "it never comes to that");
            await StepAsync();
        }
    }

    /// <summary>The run at its end, as a restarted coordinator reads it.</summary>
    public async Task<(RunState State, IReadOnlyList<RoundRecord> Rounds)> ReadAsync()
    {
        RunDetail run = await DetailAsync();
        return (run.State, run.Rounds);
    }

    /// <summary>The run as its operator sees it.</summary>
    public async Task<RunDetail> DetailAsync() => await (await CoordinatorAsync()).DetailAsync(Config.Job, CancellationToken.None);

    /// <summary>Ends the coordinator, so that others can have its storage.</summary>
    public async Task StopAsync()
    {
        CoordinatorKey = (await CoordinatorAsync()).MessageKey!;
        await DropCoordinatorAsync();
        _time.Advance(TimeSpan.FromMinutes(1));
    }

    /// <summary>The coordinator's message key, once it was stopped.</summary>
    public VerificationKey CoordinatorKey { get; private set; } = null!;

    /// <summary>The log's identity.</summary>
    public string LogOrigin => $"{Config.Federation.Value}/log";

    /// <summary>Time passes.</summary>
    public void Advance(TimeSpan by) => _time.Advance(by);

    /// <summary>The federation at its end.</summary>
    public async Task<FederationState> MembershipAsync() => (await CoordinatorAsync()).Federation;

    /// <summary>The run; null before it was submitted.</summary>
    public RunState? Run => _coordinator?.Runs.FirstOrDefault();

    /// <summary>The operator makes another key for the log.</summary>
    /// <returns>Its fingerprint.</returns>
    public async Task<Sha256Digest> ChangeLogKeyAsync(bool isLost)
    {
        KeyVersion version = await (await CoordinatorAsync()).Members.ChangeLogKeyAsync(isLost, CancellationToken.None);
        return Sha256Digest.Of(version.Spki);
    }

    /// <summary>The operator rotates the wrapping key.</summary>
    public async Task RotateWrappingKeyAsync(bool isLost) => await (await CoordinatorAsync()).Keys.RotateAsync(isLost, CancellationToken.None);

    /// <summary>The coordinator looks after its keys, as it does every minute.</summary>
    public async Task CheckKeysAsync() => await (await CoordinatorAsync()).Keys.CheckAsync(CancellationToken.None);

    /// <summary>Every administrator compares the fingerprint of the log's new key, signs a new policy, and restarts the agent.</summary>
    public Task ConfirmLogKeyAsync(Sha256Digest key) => AllowAgainAsync(key);

    /// <summary>Every administrator signs a new policy, and restarts the agent.</summary>
    public async Task AllowAgainAsync(Sha256Digest? logKey = null)
    {
        foreach ((int i, SimulatedSilo member) in Silos.Take(_members.Count).Index())
        {
            await member.AllowAsync(Config.Federation, _members, weight: i + 1, logKey);
        }
    }

    /// <summary>The coordinator's keys as the operator sees them.</summary>
    public async Task<KeyList> KeysAsync() => await (await CoordinatorAsync()).Members.KeysAsync(CancellationToken.None);

    /// <summary>Goes on until nobody has anything left to do.</summary>
    /// <param name="steps">What is enough for it.</param>
    /// <returns>False when somebody still has.</returns>
    public async Task<bool> SettleAsync(int steps = 1_000)
    {
        for (int step = 0; step < steps; step++)
        {
            if (await IsQuietAsync())
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The operator removes a silo.</summary>
    public Task RevokeAsync(SiloId silo) => OperatorAsync(coordinator => coordinator.Members.RevokeAsync(silo, TimeSpan.Zero, CancellationToken.None));

    public async ValueTask DisposeAsync()
    {
        await DropCoordinatorAsync();
        Search.Dispose();
        foreach (SimulatedSilo silo in Silos)
        {
            silo.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_memory, recursive: true);
    }

    // The operator and the administrators are people: they try again until it works.
    private async Task StepAsync()
    {
        if (_members.Count < Silos.Length && _coordinator?.Federation.Roster is not null && Chance(0.02))
        {
            await InviteAsync(Silos[_members.Count]);
        }

        int party = _random.Next(_members.Count + 1);
        bool worked = party == 0 ? await CoordinatorTurnAsync() : await SiloTurnAsync(Silos[party - 1]);
        if (!worked)
        {
            _time.Advance(TimeSpan.FromMilliseconds(_random.Next(1, 3_000)));
        }

        if (Chance(_faults.Revoke) && !_calm && !_revoked && Silos.Length > 2 && (_coordinator?.Runs.Any() == true || !Config.Aggregation.IsSecure))
        {
            SiloId gone = Silos[_random.Next(_members.Count)].Id;
            _revoked = true;
            await OperatorAsync(async coordinator =>
            {
                // The operator's command waits until the roster in force is witnessed; here it is dropped when that has not happened yet.
                if (coordinator.Federation.Roster is not null && await coordinator.Members.SettleAsync(TimeSpan.Zero, CancellationToken.None))
                {
                    await coordinator.Members.RevokeAsync(gone, TimeSpan.Zero, CancellationToken.None);
                }
            });
        }

        if (!_calm && Chance(_faults.Reboot))
        {
            Silos[_random.Next(_members.Count)].Reboot();
        }

        if (!_calm && Chance(_faults.Rotate))
        {
            bool isLost = _random.Next(2) == 0;
            await OperatorAsync(coordinator => coordinator.Keys.RotateAsync(isLost, CancellationToken.None));
        }

        if (_faults.Rotate > 0 && Chance(KeyLook))
        {
            await OperatorAsync(coordinator => coordinator.Keys.CheckAsync(CancellationToken.None));
        }

        if (Chance(_faults.Cancel))
        {
            await OperatorAsync(coordinator => coordinator.CancelAsync(Config.Job, CancellationToken.None));
        }
    }

    private async Task<bool> SiloTurnAsync(SimulatedSilo silo)
    {
        bool worked = (_calm || !Away.Contains(silo.Id)) && await silo.TurnAsync();
        if (Config.Aggregation.IsSecure)
        {
            Search.Collect(silo);
        }

        return worked;
    }

    private async Task<bool> CoordinatorTurnAsync()
    {
        bool worked = false;
        await OperatorAsync(async coordinator =>
        {
            worked = await coordinator.TurnAsync(CancellationToken.None);
            if (coordinator.Federation.Roster is not null)
            {
                RunState run = await coordinator.SubmitAsync(Config, CancellationToken.None);
                _calm |= run.IsFinal();
            }
        });
        return worked;
    }

    // One request to the coordinator, which may crash or lose its storage over it.
    private async Task OperatorAsync(Func<ISimulatedCoordinator, Task> request)
    {
        try
        {
            await request(await CoordinatorAsync());
        }
        catch (SimulatedCrashException)
        {
            await DropCoordinatorAsync();
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.StorageUnreachable || error.Code == ErrorCodes.RunMissing || error.Code == ErrorCodes.RosterTooSmall || error.Code == ErrorCodes.SecaggRosterSize || error.Code == ErrorCodes.PlanInvalidValue)
        {
            _time.Advance(TimeSpan.FromMilliseconds(200));
        }
    }

    // Nobody has anything to do for longer than any lock or delay lasts.
    private async Task<bool> IsQuietAsync()
    {
        for (int seconds = 0; seconds < 120; seconds += 10)
        {
            bool worked = await CoordinatorTurnAsync();
            foreach (SimulatedSilo silo in Silos.Take(_members.Count))
            {
                worked |= await SiloTurnAsync(silo);
            }

            if (worked)
            {
                return false;
            }

            _time.Advance(TimeSpan.FromSeconds(10));
        }

        return true;
    }

    private RequestFault NextRequest()
    {
        if (_calm)
        {
            return RequestFault.None;
        }

        double chance = _random.NextDouble();
        RequestFault fault = chance < _faults.Crash ? RequestFault.CrashBefore
            : chance < 2 * _faults.Crash ? RequestFault.CrashAfter
            : chance < (2 * _faults.Crash) + _faults.Request ? RequestFault.Lost
            : chance < (2 * _faults.Crash) + (2 * _faults.Request) ? RequestFault.AnswerLost
            : RequestFault.None;
        Crashes += fault is RequestFault.CrashBefore or RequestFault.CrashAfter ? 1 : 0;
        return fault;
    }

    private JobFault NextJob() => !_calm && Chance(_faults.Job) ? (JobFault)_random.Next(1, 5) : JobFault.None;

    private bool Chance(double probability) => probability > 0 && _random.NextDouble() < probability;

    private static void Require(bool holds, string broken)
    {
        if (!holds)
        {
            throw new InvalidOperationException(broken);
        }
    }
}
