// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.ComponentModel;
using System.Diagnostics;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Azurite;

/// <summary>The storage emulator azurite, installed from npm into the user's cache on first use.</summary>
public static class AzuriteInstallation
{
    /// <summary>The one version that is used; older ones refuse current API versions.</summary>
    public const string Version = "3.37.0";

    /// <summary>Installs azurite unless it is there. Several processes may call this at once.</summary>
    /// <param name="report">Takes one line when something is downloaded.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The path of the blob service's main script.</returns>
    /// <exception cref="FedCloudException"><c>node_missing</c> or <c>azurite_not_installable</c>.</exception>
    public static async Task<string> EnsureAsync(Action<string> report, CancellationToken cancellation)
    {
        await RequireNodeAsync(cancellation);
        string folder = Environment.GetEnvironmentVariable("FEDCLOUD_AZURITE") is { Length: > 0 } given ? given : CacheFolder();
        string script = Path.Combine(folder, "node_modules", "azurite", "dist", "src", "blob", "main.js");
        string complete = Path.Combine(folder, "complete");
        if (File.Exists(script) && (File.Exists(complete) || Environment.GetEnvironmentVariable("FEDCLOUD_AZURITE") is { Length: > 0 }))
        {
            return script;
        }

        Directory.CreateDirectory(folder);
        await using FileStream gate = await LockAsync(Path.Combine(folder, "lock"), cancellation);
        if (File.Exists(complete))
        {
            return script;
        }

        report($"Installing azurite {Version} into {folder} (once)");
        (int exit, string errors) = await RunAsync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix", folder, $"azurite@{Version}"], cancellation);
        if (exit != 0 || !File.Exists(script))
        {
            string last = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault(line => line.Contains("error", StringComparison.OrdinalIgnoreCase)) ?? $"npm ended with {exit}";
            throw new FedCloudException(ErrorCodes.AzuriteNotInstallable, $"azurite {Version}: {last}");
        }

        await File.WriteAllTextAsync(complete, Version, cancellation);
        return script;
    }

    private static string CacheFolder()
    {
        string cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(cache, "fedcloud", "azurite-" + Version);
    }

    private static async Task RequireNodeAsync(CancellationToken cancellation)
    {
        foreach (string program in (string[])["node", "npm"])
        {
            try
            {
                await RunAsync(program, ["--version"], cancellation);
            }
            catch (Win32Exception error)
            {
                throw new FedCloudException(ErrorCodes.NodeMissing, $"expected the program {program}, found none", cause: error);
            }
        }
    }

    private static async Task<FileStream> LockAsync(string path, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellation); // another process installs
            }
        }
    }

    private static async Task<(int Exit, string Errors)> RunAsync(string program, string[] arguments, CancellationToken cancellation)
    {
        ProcessStartInfo start = new(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start) ?? throw new FedCloudException(ErrorCodes.NodeMissing, $"{program} did not start");
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellation);
        string errors = await process.StandardError.ReadToEndAsync(cancellation);
        await output;
        await process.WaitForExitAsync(cancellation);
        return (process.ExitCode, errors);
    }
}
