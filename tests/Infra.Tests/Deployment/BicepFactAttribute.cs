// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Xunit;

namespace FedCloud.Infra.Tests.Deployment;

/// <summary>A test that needs the Bicep compiler, and says so where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BicepFactAttribute : FactAttribute
{
    public BicepFactAttribute()
    {
        if (Program is null)
        {
            Skip = "there is no Bicep compiler: neither 'bicep' on the PATH nor the one that 'az bicep install' puts into ~/.azure/bin";
        }
    }

    /// <summary>The compiler, or null.</summary>
    public static string? Program { get; } = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Append(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".azure", "bin"))
        .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "bicep.exe" : "bicep"))
        .FirstOrDefault(File.Exists);
}
