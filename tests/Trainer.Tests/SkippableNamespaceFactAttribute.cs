// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.ComponentModel;
using System.Diagnostics;

namespace FedCloud.Trainer.Tests;

/// <summary>A test that needs an empty network namespace, and says why it was skipped where the system allows none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SkippableNamespaceFactAttribute : FactAttribute
{
    public SkippableNamespaceFactAttribute() => Skip = WhyNot();

    private static string? WhyNot()
    {
        try
        {
            using Process probe = Process.Start(new ProcessStartInfo("unshare", ["-r", "-n", "true"]) { RedirectStandardError = true, UseShellExecute = false })!;
            string error = probe.StandardError.ReadToEnd();
            probe.WaitForExit();
            return probe.ExitCode == 0 ? null : $"no empty network namespace: {error.Trim()}";
        }
        catch (Win32Exception)
        {
            return "no empty network namespace: there is no program 'unshare'";
        }
    }
}
