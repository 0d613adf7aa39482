// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.Versioning;
using FedCloud.Cli.Azurite;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Azurite;

/// <summary>The emulator's installation, with a script in npm's place.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class AzuriteInstallationTests : IDisposable
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-npm-").FullName;

    private string Calls => Path.Combine(_folder, "calls");

    private string Script => Path.Combine(_folder, "cache", "fedcloud", "azurite-3.37.0", "node_modules", "azurite", "dist", "src", "blob", "main.js");

    private string Installs => $"""
        mkdir -p "{Path.GetDirectoryName(Script)}" && echo "$@" >> "{Calls}" && : > "{Script}"
        """;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Ensure_FirstUse_InstallsThePinnedVersionOnce()
    {
        Program("node", "exit 0");
        Program("npm", Installs);
        List<string> lines = [];

        string first = await AzuriteInstallation.EnsureAsync(lines.Add, CancellationToken.None, Variable);
        string second = await AzuriteInstallation.EnsureAsync(lines.Add, CancellationToken.None, Variable);

        Assert.Equal((Script, Script), (first, second));
        Assert.Single(lines);
        string call = Assert.Single(await File.ReadAllLinesAsync(Calls));
        Assert.Contains("--ignore-scripts", call, StringComparison.Ordinal);
        Assert.EndsWith("azurite@3.37.0", call, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ensure_ManyAtOnce_InstallsOnce()
    {
        Program("node", "exit 0");
        Program("npm", Installs);

        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Task.Run(() => AzuriteInstallation.EnsureAsync(_ => { }, CancellationToken.None, Variable))));

        Assert.Single(await File.ReadAllLinesAsync(Calls));
    }

    [Fact]
    public async Task Ensure_InterruptedInstallation_IsRepeated()
    {
        Program("node", "exit 0");
        Program("npm", Installs);
        Directory.CreateDirectory(Path.GetDirectoryName(Script) ?? _folder);
        await File.WriteAllTextAsync(Script, "half");

        await AzuriteInstallation.EnsureAsync(_ => { }, CancellationToken.None, Variable);

        Assert.Single(await File.ReadAllLinesAsync(Calls));
    }

    [Theory]
    [InlineData("node")]
    [InlineData("npm")]
    public async Task Ensure_ProgramMissing_SaysWhich(string missing)
    {
        Program(missing is "node" ? "npm" : "node", "exit 0");

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => AzuriteInstallation.EnsureAsync(_ => { }, CancellationToken.None, Variable));

        Assert.Equal(ErrorCodes.NodeMissing, error.Code);
        Assert.Contains($"program {missing} ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ensure_NpmFails_SaysWhatNpmSaid()
    {
        Program("node", "exit 0");
        Program("npm", "echo 'npm error code E404' >&2; echo 'npm error 404 Not Found' >&2; echo 'npm error A complete log of this run' >&2; exit 1");

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => AzuriteInstallation.EnsureAsync(_ => { }, CancellationToken.None, Variable));

        Assert.Equal(ErrorCodes.AzuriteNotInstallable, error.Code);
        Assert.Contains("azurite 3.37.0: npm error code E404; npm error 404 Not Found.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ensure_NpmInstallsNothing_Fails()
    {
        Program("node", "exit 0");
        Program("npm", "exit 0");

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => AzuriteInstallation.EnsureAsync(_ => { }, CancellationToken.None, Variable));

        Assert.Equal(ErrorCodes.AzuriteNotInstallable, error.Code);
    }

    [Fact]
    public async Task Ensure_CacheIsAFile_SaysSoAndEnds()
    {
        Program("node", "exit 0");
        Program("npm", Installs);
        await File.WriteAllTextAsync(Path.Combine(_folder, "cache"), "in the way");

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => AzuriteInstallation.EnsureAsync(_ => { }, CancellationToken.None, Variable));

        Assert.Equal(ErrorCodes.AzuriteNotInstallable, error.Code);
    }

    private string? Variable(string name) => name switch
    {
        "PATH" => Path.Combine(_folder, "bin"),
        "XDG_CACHE_HOME" => Path.Combine(_folder, "cache"),
        _ => null,
    };

    private void Program(string name, string text)
    {
        string path = Path.Combine(_folder, "bin", name);
        Directory.CreateDirectory(Path.Combine(_folder, "bin"));
        File.WriteAllText(path, "#!/bin/sh\n" + text + "\n");
        File.SetUnixFileMode(path, Executable);
    }
}
