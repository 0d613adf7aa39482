// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Privacy;
using FedCloud.SiloAgent.Policies;

namespace FedCloud.Simulation.Tests.Whole;

/// <content>Invitations and the silos' homes.</content>
internal sealed partial class WholeFederation
{
    private SimulatedSilo SiloOf(int number)
    {
        SiloId id = new(string.Create(CultureInfo.InvariantCulture, $"silo-{number}"));

        // Every clock is off by a little, and no two by the same: what is sent at one moment has an order that chance has no part in.
        TimeSpan skew = TimeSpan.FromSeconds(Chance(_faults.Skew) ? 900 : _random.Next(-3, 4)) + TimeSpan.FromMicroseconds(100 * number);
        string tokens = Directory.CreateDirectory(Path.Combine(_memory, id.Value)).FullName;
        return new SimulatedSilo(id, Path.Combine(_folder, id.Value), tokens, new UnreliableStore(Store, NextRequest), new InventedTrainer(id, () => JobOf?.Invoke(id) ?? NextJob()), new SkewedTime(_time, skew))
        {
            Budget = Config.Privacy.IsClaimed ? BudgetOf(id) : null,
        };
    }

    private LedgerPolicy BudgetOf(SiloId id) => new()
    {
        DatasetUid = id.Value,
        Records = 1_000,
        Persons = Config.Privacy.Unit == PrivacyUnit.Person ? Persons : null,
        EpsilonMax = EpsilonMax,
        DeltaMax = Config.Privacy.Delta,
        Unit = Config.Privacy.Unit,
    };

    private async Task EnrolAsync()
    {
        foreach (SimulatedSilo silo in Silos.Take(_founders))
        {
            await InviteAsync(silo);
        }

        ModelShelf shelf = new(Store, Config.Federation);
        foreach (Protocol.Adapters.BaseModelFile file in TinyBase.Manifest.Files)
        {
            await shelf.PutBaseFileAsync(Config.BaseModel, file.Name, Path.Combine(TinyBase.Folder, file.Name), CancellationToken.None);
        }

        await shelf.PutBaseManifestAsync(Config.BaseModel, TinyBase.Manifest.ToJcs(), _folder, CancellationToken.None);
    }

    // Every administrator compares the newcomer's fingerprints and signs a new policy.
    private async Task InviteAsync(SimulatedSilo silo)
    {
        string code = await PersistAsync(coordinator => coordinator.Members.InviteAsync(silo.Id, TimeSpan.FromDays(1), CancellationToken.None));
        _members.Add(await silo.InitAsync(Invitation(silo.Id, code)));
        foreach ((int i, SimulatedSilo member) in Silos.Take(_members.Count).Index())
        {
            await member.AllowAsync(Config.Federation, _members, weight: i + 1);
        }
    }

    private SiloInvitation Invitation(SiloId silo, string code) => new()
    {
        V = 1,
        Federation = Config.Federation,
        SiloId = silo,
        Code = code,
        CoordinatorSpki = (_coordinator?.MessageKey ?? throw new InvalidOperationException("the coordinator has just answered")).ToBase64(),
        LogVkey = _coordinator.Federation.LogVkey,
        StorageEndpoint = "http://127.0.0.1:1/simulated",
        Sas = ImmutableSortedDictionary<string, string>.Empty,
        BellUrl = string.Empty,
        BellToken = string.Empty,
        Expires = _time.Now.AddDays(365),
    };

    private async Task<T> PersistAsync<T>(Func<ISimulatedCoordinator, Task<T>> request)
    {
        while (true)
        {
            try
            {
                return await request(await CoordinatorAsync());
            }
            catch (SimulatedCrashException)
            {
                await DropCoordinatorAsync();
            }
            catch (FedCloudException error) when (error.Code == ErrorCodes.StorageUnreachable)
            {
                _time.Advance(TimeSpan.FromSeconds(1));
            }
        }
    }
}
