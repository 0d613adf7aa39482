// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Azurite;

/// <summary>The storage emulator azurite, installed from npm into the user's cache on first use.</summary>
public static class AzuriteInstallation
{
    /// <summary>The one version that is used; older ones refuse current API versions.</summary>
    public const string Version = "3.37.0";

    private const string FolderVariable = "FEDCLOUD_AZURITE";

    /// <summary>Installs azurite unless it is there. Several processes may call this at once.</summary>
    /// <param name="report">Takes one line when something is downloaded.</param>
    /// <param name="cancellation">Stops it, and npm with it.</param>
    /// <param name="environment">Looks an environment variable up; null means this process's own.</param>
    /// <returns>The path of the blob service's main script.</returns>
    /// <exception cref="FedCloudException"><c>node_missing</c> or <c>azurite_not_installable</c>.</exception>
    public static async Task<string> EnsureAsync(Action<string> report, CancellationToken cancellation, Func<string, string?>? environment = null)
    {
        environment ??= Environment.GetEnvironmentVariable;
        RequireProgram("node", environment);
        string? given = environment(FolderVariable) is { Length: > 0 } text ? text : null;
        string folder = given ?? CacheFolder(environment);
        string script = Path.Combine(folder, "node_modules", "azurite", "dist", "src", "blob", "main.js");
        string complete = Path.Combine(folder, "complete");
        if (File.Exists(script) && (given is not null || File.Exists(complete)))
        {
            return script;
        }

        string npm = RequireProgram("npm", environment);
        try
        {
            Directory.CreateDirectory(folder);
            await using FileStream gate = await LockAsync(Path.Combine(folder, "lock"), cancellation);
            if (!File.Exists(complete))
            {
                report($"Installing azurite {Version} into {folder} (once)");
                await InstallAsync(npm, folder, script, cancellation);
                await File.WriteAllTextAsync(complete, Version, cancellation);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.AzuriteNotInstallable, $"expected a folder that can be written, found {error.Message}", $"set {FolderVariable} to another folder", error);
        }

        return script;
    }

    private static string CacheFolder(Func<string, string?> environment)
    {
        string cache = environment("XDG_CACHE_HOME") is { Length: > 0 } xdg
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(cache, "fedcloud", "azurite-" + Version);
    }

    private static string RequireProgram(string name, Func<string, string?> environment)
    {
        string[] files = OperatingSystem.IsWindows() ? [name + ".exe", name + ".cmd"] : [name];
        return (environment("PATH") ?? string.Empty)
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(folder => files.Select(file => Path.Combine(folder, file)))
            .FirstOrDefault(File.Exists)
            ?? throw new FedCloudException(ErrorCodes.NodeMissing, $"expected the program {name} on the PATH, found none");
    }

    private static async Task<FileStream> LockAsync(string path, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException error) when (IsHeldByAnother(error))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellation); // another process installs
            }
        }
    }

    // EWOULDBLOCK of Linux and of macOS, ERROR_SHARING_VIOLATION of Windows; anything else would never end.
    private static bool IsHeldByAnother(IOException error) =>
        error.HResult == (OperatingSystem.IsWindows() ? unchecked((int)0x80070020) : OperatingSystem.IsMacOS() ? 35 : 11);

    private static async Task InstallAsync(string npm, string folder, string script, CancellationToken cancellation)
    {
        ProcessStartInfo start = new(npm, ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", "--loglevel=error", "--prefix", folder, $"azurite@{Version}"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start) ?? throw new FedCloudException(ErrorCodes.AzuriteNotInstallable, "npm did not start");
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellation);
            string errors = await process.StandardError.ReadToEndAsync(cancellation);
            await output;
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode != 0 || !File.Exists(script))
            {
                throw new FedCloudException(ErrorCodes.AzuriteNotInstallable, $"azurite {Version}: {Summary(errors, process.ExitCode)}");
            }
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    // npm's first lines say what happened; its last one only where its log is.
    private static string Summary(string errors, int exit)
    {
        string[] lines = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string text = string.Join("; ", lines.Where(line => line.Contains("error", StringComparison.OrdinalIgnoreCase) && !line.Contains("complete log", StringComparison.Ordinal)).Take(2));
        return text.Length == 0 ? $"npm ended with {exit}" : string.Concat(text.Take(200).Select(c => c is >= ' ' and <= '~' ? c : '?'));
    }
}
