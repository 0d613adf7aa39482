// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator;

namespace FedCloud.Simulation.Tests.Whole;

/// <content>The coordinator between two crashes, on either host.</content>
internal sealed partial class WholeFederation
{
    private async Task<ISimulatedCoordinator> CoordinatorAsync()
    {
        if (_coordinator is null)
        {
            // A process takes time to start, and the ids of its messages begin with the time.
            _time.Advance(TimeSpan.FromMilliseconds(1));
            BlobMailboxes mailboxes = new(_coordinatorStore, _time);
            CoordinatorOptions options = new()
            {
                Federation = Config.Federation,
                Scratch = _folder,
                SumWorkers = 1, // threads would send their requests in an order of their own
                InBackground = false,
                EpochSlots = EpochSlots,
                StepTimeout = TimeSpan.FromSeconds(Config.Participation.StepTimeout),
                LogIdle = TimeSpan.Zero,
                TurnPatience = TimeSpan.Zero,
            };
            _coordinator = IsDurable ? await StartDurableAsync(mailboxes, options) : await StartLocalAsync(mailboxes, options);
        }

        await ((_coordinator as DurableCoordinator)?.RefreshAsync() ?? Task.CompletedTask);
        return _coordinator;
    }

    private async Task<ISimulatedCoordinator> StartLocalAsync(BlobMailboxes mailboxes, CoordinatorOptions options)
    {
        CoordinatorService started = new(_coordinatorStore, mailboxes, Vault, _time, options, this);
        await started.StartAsync(CancellationToken.None);
        return new LocalCoordinator(started);
    }

    private async Task<ISimulatedCoordinator> StartDurableAsync(BlobMailboxes mailboxes, CoordinatorOptions options)
    {
        DurableBackend backend = _backend ??= new DurableBackend(_time.Now);
        DurableCoordinator started = new(
            () => new SharedCoordinator(_coordinatorStore, mailboxes, Vault, _time, options, this, backend.Orchestrations), backend, mailboxes.Open(MailboxNames.Coordinator), _time, _random, _faults.Crash == 0);
        await started.StartAsync();
        return started;
    }

    private async Task DropCoordinatorAsync()
    {
        if (_coordinator is not null)
        {
            await _coordinator.DisposeAsync();
            _coordinator = null;
        }
    }
}
