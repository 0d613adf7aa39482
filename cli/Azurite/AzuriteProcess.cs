// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net;
using System.Net.Sockets;
using FedCloud.Cli.Processes;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Azurite;

/// <summary>A running storage emulator on loopback.</summary>
public sealed class AzuriteProcess : IAsyncDisposable
{
    /// <summary>The emulator's account.</summary>
    public const string Account = "devstoreaccount1";

    /// <summary>The emulator's well-known key (learn.microsoft.com, "Use the Azurite emulator"); it protects nothing.</summary>
    public const string Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    // Ends the emulator in good order when our end of its standard input closes, however we end; and at once after it has
    // saved and closed, since timers of its own would keep the process for up to half a minute.
    private const string Wrapper =
        "const log=console.log;console.log=(...a)=>{log(...a);if(String(a[0]).includes('successfully closed'))process.exit(0)};"
        + "process.stdin.resume();process.stdin.on('end',()=>process.kill(process.pid,'SIGTERM'));"
        + "const s=process.argv[1];process.argv=[process.argv[0],s,...process.argv.slice(2)];require(s);";

    private readonly ChildProcess _process;

    private AzuriteProcess(ChildProcess process, Uri endpoint)
    {
        _process = process;
        Endpoint = endpoint;
    }

    /// <summary>The blob endpoint.</summary>
    public Uri Endpoint { get; }

    /// <summary>Starts the emulator on a free port.</summary>
    /// <param name="folder">Its data and log.</param>
    /// <param name="report">Takes a line when something is installed.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>node_missing</c>, <c>azurite_not_installable</c>, <c>process_not_started</c>.</exception>
    public static async Task<AzuriteProcess> StartAsync(string folder, Action<string> report, CancellationToken cancellation)
    {
        const int Tries = 5;
        string script = await AzuriteInstallation.EnsureAsync(report, cancellation);
        Directory.CreateDirectory(folder);
        for (int attempt = 1; ; attempt++)
        {
            int port = FreePort();
            ChildProcess process = ChildProcess.Start(
                "azurite",
                "node",
                ["-e", Wrapper, script, "--blobHost", "127.0.0.1", "--blobPort", $"{port}", "--location", folder, "--silent", "--disableTelemetry"],
                new Dictionary<string, string?>(StringComparer.Ordinal),
                Path.Combine(folder, "azurite.log"),
                line: null);
            if (await AnswersAsync(process, port, cancellation))
            {
                return new AzuriteProcess(process, new Uri($"http://127.0.0.1:{port}/{Account}"));
            }

            // Somebody took the port between our look and the emulator's start.
            await process.DisposeAsync();
            if (attempt == Tries)
            {
                throw new FedCloudException(ErrorCodes.ProcessNotStarted, "the storage emulator did not answer on loopback", $"look at {Path.Combine(folder, "azurite.log")}");
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<bool> AnswersAsync(ChildProcess process, int port, CancellationToken cancellation)
    {
        DateTimeOffset until = DateTimeOffset.UtcNow.AddSeconds(30);
        while (DateTimeOffset.UtcNow < until && !process.HasExited)
        {
            try
            {
                using TcpClient client = new();
                await client.ConnectAsync(IPAddress.Loopback, port, cancellation);
                return true;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(25), cancellation);
            }
        }

        return false;
    }
}
