// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using Xunit;

namespace FedCloud.Infra.Tests.Deployment;

/// <summary>The compiler's own word.</summary>
public sealed class BicepBuildTests
{
    [BicepFact]
    public async Task Main_Build_HasNoErrors()
    {
        ProcessStartInfo start = new(BicepFactAttribute.Program ?? "bicep", ["build", Repository.Path("infra/main.bicep"), "--stdout"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("the compiler does not start");

        Task<string> template = process.StandardOutput.ReadToEndAsync();
        string said = await process.StandardError.ReadToEndAsync();
        string json = await template;
        await process.WaitForExitAsync();

        Assert.True(process.ExitCode == 0, said);
        Assert.StartsWith("{", json, StringComparison.Ordinal);
    }
}
