// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Xunit;

namespace FedCloud.Dashboard.Tests;

/// <summary>A test that needs Chromium, and axe-core among the packages of the dashboard's sources; a machine without one of them skips it and says so.</summary>
internal sealed class BrowserFactAttribute : FactAttribute
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    public BrowserFactAttribute() => Skip = Executable is null ? "no Chromium on the PATH; FEDCLOUD_CHROMIUM names another"
        : Axe is null ? "no axe-core: run 'npm ci' in functions/Dashboard"
        : null;

    /// <summary>The file of axe-core; null for none.</summary>
    public static string? Axe { get; } = Above(AppContext.BaseDirectory)
        .Select(folder => Path.Combine(folder.FullName, "functions", "Dashboard", "node_modules", "axe-core", "axe.min.js"))
        .FirstOrDefault(File.Exists);

    /// <summary>The browser; null for none.</summary>
    public static string? Executable { get; } = Environment.GetEnvironmentVariable("FEDCLOUD_CHROMIUM") is { Length: > 0 } named
        ? named
        : (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(Path.PathSeparator)
            .SelectMany(folder => Names.Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);

    private static IEnumerable<DirectoryInfo> Above(string path)
    {
        for (DirectoryInfo? folder = new(path); folder is not null; folder = folder.Parent)
        {
            yield return folder;
        }
    }
}
