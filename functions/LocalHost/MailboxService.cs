// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using FedCloud.Protocol.Errors;

namespace FedCloud.LocalHost;

/// <summary>Serves the coordinator's mailbox for as long as the host runs.</summary>
/// <param name="coordinator">The coordinator.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed class MailboxService(CoordinatorService coordinator, TimeProvider time, ILogger<MailboxService> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await coordinator.ServeAsync(stoppingToken);
            }
            catch (FedCloudException error)
            {
                Log.MailboxFailed(logger, error.Message);
                await Task.Delay(Pause, time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }
}
